-- Removes the oldest completed executions, except those of claimed items.
-- $1 the number of completed executions to keep
with old as materialized (
  select x.item from execution x
  where x.completed_at_us is not null
    and not exists (select from item i where i.id = x.item and i.claim_number is not null)
  order by x.completed_at_us desc, x.item desc offset $1
  for update of x skip locked
), events as (
  delete from execution_event e using old where e.item = old.item
)
delete from execution x using old where x.item = old.item
