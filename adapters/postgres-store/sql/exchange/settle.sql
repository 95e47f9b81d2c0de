-- Settles the claims whose item, number and run match, and records which ones these are.
-- $1 run, then one array element for each settlement: $2 items, $3 claim numbers, $4 verdicts
-- (0 complete, 1 retry, 2 fail, 3 time out, 4 release), $5 backoffs in us, $6 errors, $7 sizes,
-- $8 modification times in ns, $9 recipes
with settlement as (
  select * from unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::text[],
                       $7::bigint[], $8::bigint[], $9::bytea[])
    with ordinality as s (item, number, verdict, backoff_us, error, size, modified_ns, recipe, place)
), current as materialized (
  select s.*, i.claim_is_cancelled and s.verdict in (1, 4) as is_cancelled
  from settlement s
  -- The comparison of the run uses no index: only the one of the ids is small at any time.
  join item i on i.id = s.item and i.claim_number = s.number and i.claim_run is not distinct from $1
  order by i.id
  for update of i
), settled as (
  update item i
  set status = case when c.is_cancelled then 3
                    when c.verdict = 0 then 2
                    when c.verdict = 2 then 3
                    when c.verdict = 3 then 4
                    else 0 end,
      attempts = case when c.verdict = 4 and not c.is_cancelled then greatest(i.attempts - 1, 0)
                      else i.attempts end,
      not_before_us = case when c.verdict = 1 and not c.is_cancelled
                           then least(now_us() + c.backoff_us, 253402207200000000) end,
      ordered_at_us = case when c.verdict = 1 and not c.is_cancelled then now_us() end,
      is_backing_off = c.verdict = 1 and not c.is_cancelled and c.backoff_us > 0,
      last_error = case when c.is_cancelled then 'cancelled' else coalesce(c.error, i.last_error) end,
      is_completion_known = c.verdict = 0,
      completed_size = case when c.verdict = 0 then c.size end,
      completed_modified_ns = case when c.verdict = 0 then c.modified_ns end,
      completed_recipe = case when c.verdict = 0 then c.recipe end,
      claim_number = null, claim_run = null, claim_is_cancelled = false,
      claim_request = null, claim_priority = null, claim_depth = null
  from current c
  where i.id = c.item
  returning c.place, c.is_cancelled
)
update exchange
set settled = array(select place from settled order by place),
    settled_cancelled = array(select place from settled where is_cancelled order by place)
where run = $1
returning run
