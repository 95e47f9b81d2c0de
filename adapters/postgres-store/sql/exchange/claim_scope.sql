-- Claims the first items of a scope in claim order. Items that another transaction has locked are
-- skipped.
-- $1 run, $2 request, $3 limit, $4 scope
with ready as materialized (
  select i.id, i.rank, i.sequence
  from scope_item s
  join item i on i.id = s.item
  where s.run = $1 and s.scope = $4 and s.state = 0
    and i.status = 0 and not i.is_held and not i.is_backing_off
    and (i.not_before_us is null or i.not_before_us <= now_us())
  order by s.rank, s.sequence
  limit $3
  for update of i skip locked
), numbered as materialized (
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
returning i.*
