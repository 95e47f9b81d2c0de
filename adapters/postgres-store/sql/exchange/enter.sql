-- $1 run, $2 request
select enter_exchange($1, $2)
