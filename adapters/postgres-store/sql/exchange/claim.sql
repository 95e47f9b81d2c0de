-- Claims the items in `ready`. `search_us` is the time that their search took.
-- $1 run, $2 request
, numbered as materialized (
  -- The numbers are handed out in claim order.
  select id, nextval('claim_number') as number
  from (select id from ready order by rank, sequence) ordered
)
update item i
set status = 1, attempts = i.attempts + 1, last_attempt_us = now_us(),
    not_before_us = null, ordered_at_us = null, is_backing_off = false,
    claim_number = n.number, claim_run = $1, claim_is_cancelled = false,
    claim_request = $2, claim_priority = i.priority, claim_depth = i.depth
from numbered n
where i.id = n.id
returning i.*,
  (select (extract(epoch from clock_timestamp() - statement_timestamp()) * 1000000)::bigint) as search_us
