-- The longest attempts that completed a file.
-- $1 runs, $2 limit
select * from event
where run = any ($1::text[]) and figure = 1 and elapsed_us is not null
order by elapsed_us desc, number
limit $2
