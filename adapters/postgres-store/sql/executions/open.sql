-- Lets an attempt record the journal of its item, and removes the events after the kept ones.
-- Returns no row if the attempt has lost its claim, or if the events to keep were removed
-- meanwhile. The lock makes a recovery or a settlement wait until the change is committed.
-- $1 item, $2 claim number, $3 run, $4 the number of events to keep
with claim as materialized (
  select i.id from item i
  where i.id = $1 and i.claim_number = $2 and i.claim_run = $3
    and exists (select from lease where run = $3 and until_us > clock_us())
    and $4 <= (select count(*) from execution_event e where e.item = $1)
  for share of i
), dropped as (
  delete from execution_event e using claim c where e.item = c.id and e.number > $4
)
insert into execution (item, claim, run)
select id, $2, $3 from claim
on conflict (item) do update set claim = excluded.claim, run = excluded.run, completed_at_us = null
returning item
