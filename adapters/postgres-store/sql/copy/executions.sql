-- The next executions, each with its events. $1 item of the last one before, $2 limit
select x.item, x.claim, x.run, x.completed_at_us,
       array(select e.body from execution_event e where e.item = x.item order by e.number) as events
from execution x
where x.item > $1
order by x.item
limit $2
