-- The outputs of an item, the earliest first.
-- $1 item
select o.claim, o.attempt, o.file, o.bytes, o.ending, coalesce(o.host, r.host) as host
from attempt_output o
join run r on r.id = o.run
where o.item = $1
order by o.claim
