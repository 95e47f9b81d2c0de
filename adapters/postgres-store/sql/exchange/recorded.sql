-- The recorded answer of a request, once for each item that the request claimed. One row without an
-- item if it claimed none; no row if the run has been recovered or has ended.
-- $1 run, $2 request
select e.settled, e.settled_cancelled, e.cancelled_items, e.cancelled_numbers, e.next_due_us,
       e.has_waiting, i.*
from exchange e
left join item i on i.claim_run = e.run and i.claim_request = e.request
where e.run = $1 and e.request = $2
