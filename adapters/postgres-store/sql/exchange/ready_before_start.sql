-- If fewer items than the limit follow the start, the first due items up to the start are ready too.
, preceding as materialized (
  select id, rank, sequence
  from item
  where status = 0 and not is_held and not is_backing_off
    and (not_before_us is null or not_before_us <= now_us())
    and (rank, sequence) <= ($4::bigint, $5::bigint)
  order by rank, sequence
  limit $3 - (select count(*) from following)
  for update skip locked
), ready as (
  select * from following union all select * from preceding
)
