-- A page of items in claim order. Each part reads an index that has only items of its status. An
-- `offset 0` separates the choice of the index from the order; without statistics, the planner
-- would prefer an index in this order, of all items.
-- $1 statuses or null, $2 and $3 the rank and sequence to begin after, $4 limit or null
select * from (
  (select * from item
   where ($1::smallint[] is null or 0 = any ($1))
     and status = 0 and not is_held and not is_backing_off and (rank, sequence) > ($2::bigint, $3::bigint)
   order by rank, sequence limit $4)
  union all
  (select * from (select * from item
                  where status = 0 and not is_held and is_backing_off and not_before_us is not null offset 0) i
   where ($1 is null or 0 = any ($1)) and (rank, sequence) > ($2, $3)
   order by rank, sequence limit $4)
  union all
  -- No index has the held items alone, so they are looked for only if there are any.
  (select * from item
   where ($1 is null or 0 = any ($1)) and (select sum(held) > 0 from tally)
     and status = 0 and is_held and (rank, sequence) > ($2, $3)
   order by rank, sequence limit $4)
  union all
  (select * from (select * from item where claim_run is not null offset 0) i
   where ($1 is null or 1 = any ($1)) and (rank, sequence) > ($2, $3)
   order by rank, sequence limit $4)
  union all
  (select e.* from unnest(coalesce($1, '{2,3,4}')) as wanted (status) cross join lateral (
     select * from item
     where item.status = wanted.status and item.status > 1 and (rank, sequence) > ($2, $3)
     order by rank, sequence limit $4) e)
) page
order by rank, sequence
limit $4
