-- The journal of an item, one row for each event, with the place of the latest attempt. One row
-- without an event if the journal is empty.
-- $1 item
select e.body, r.host, r.project
from execution x
join run r on r.id = x.run
left join execution_event e on e.item = x.item
where x.item = $1
order by e.number
