-- The recorded answer of a request.
-- $1 run, $2 request
select settled, settled_cancelled, cancelled_items, cancelled_numbers, next_due_us, has_waiting
from exchange where run = $1 and request = $2
