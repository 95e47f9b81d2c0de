-- The next outputs. $1 item, $2 claim and $3 run of the last one before, $4 limit
select o.item, o.claim, o.run, o.attempt, o.file, o.bytes, o.ending, o.at_us, coalesce(o.host, r.host) as host
from attempt_output o
join run r on r.id = o.run
where (o.item, o.claim, o.run) > ($1::bigint, $2::bigint, $3::text)
order by o.item, o.claim, o.run
limit $4
