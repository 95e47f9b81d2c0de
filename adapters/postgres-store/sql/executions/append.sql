-- Appends events to the journal of an item, unless they were appended before. Returns no row if the
-- attempt has lost its claim. The lock makes a recovery, or a settlement, wait until the change is
-- committed.
-- $1 item, $2 claim number, $3 run, $4 the number of events before, $5 events, $6 whether the last
-- event completes the execution
with claim as materialized (
  select i.id from item i
  where i.id = $1 and i.claim_number = $2 and i.claim_run = $3
    and exists (select from lease where run = $3 and until_us > clock_us())
  for share of i
), added as (
  insert into execution_event (item, number, body)
  select c.id, $4 + e.place, e.body
  from claim c, unnest($5::text[]) with ordinality as e (body, place)
  on conflict do nothing
)
update execution x
set completed_at_us = case when $6 then clock_us() end
from claim c
where x.item = c.id
returning x.item
