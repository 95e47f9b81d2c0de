-- Stores items of a scope, if the run may make exchanges. Locks the items, because an update at
-- the same time would not see the new rows.
-- $1 run, $2 scope, $3 items
with found as materialized (
  select id, rank, sequence, not_before_us,
         case when status <> 0 or is_held then 2 when is_backing_off then 1 else 0 end as state
  from item
  where id = any ($3::bigint[]) and exists (select from exchange where run = $1)
  order by id
  for share
)
insert into scope_item (run, scope, item, rank, sequence, state, not_before_us)
select $1, $2, id, rank, sequence, state, not_before_us from found
on conflict do nothing
