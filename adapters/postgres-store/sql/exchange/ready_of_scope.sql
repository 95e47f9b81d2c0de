-- The first due items of a scope in claim order. Items that another transaction has locked are
-- skipped.
-- $1 run, $3 limit, $4 scope
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
)
