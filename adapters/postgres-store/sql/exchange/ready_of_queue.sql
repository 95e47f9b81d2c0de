-- The first due items in claim order. Items that another transaction has locked are skipped.
-- $3 limit
with ready as materialized (
  select id, rank, sequence
  from item
  where status = 0 and not is_held and not is_backing_off
    and (not_before_us is null or not_before_us <= now_us())
  order by rank, sequence
  limit $3
  for update skip locked
)
