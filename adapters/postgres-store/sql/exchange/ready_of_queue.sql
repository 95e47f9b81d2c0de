-- The first due items in claim order that follow the start. Items that another transaction has locked
-- are skipped.
-- $3 limit, $4 and $5 rank and sequence of the start
with following as materialized (
  select id, rank, sequence
  from item
  where status = 0 and not is_held and not is_backing_off
    and (not_before_us is null or not_before_us <= now_us())
    and (rank, sequence) > ($4::bigint, $5::bigint)
  order by rank, sequence
  limit $3
  for update skip locked
)
