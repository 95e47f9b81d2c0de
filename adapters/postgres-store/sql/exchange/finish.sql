-- Records the request and the rest of its answer. The due time is on the caller's clock.
-- $1 run, $2 request, $3 the caller's time in us, $4 whether the request has settlements
, cancelled as (
  select coalesce(array_agg(id order by id), '{}') as items,
         coalesce(array_agg(claim_number order by id), '{}') as numbers
  from item where claim_run = $1 and claim_is_cancelled
)
update exchange
set request = $2,
    settled = case when $4 then settled else '{}' end,
    settled_cancelled = case when $4 then settled_cancelled else '{}' end,
    cancelled_items = cancelled.items,
    cancelled_numbers = cancelled.numbers,
    next_due_us = case when waiting.due_us = 253402207200000000 then waiting.due_us
                       else $3 + (waiting.due_us - now_us()) end,
    has_waiting = waiting.has_waiting
from waiting, cancelled
where run = $1
returning exchange.settled, exchange.settled_cancelled, exchange.cancelled_items,
          exchange.cancelled_numbers, exchange.next_due_us, exchange.has_waiting
