-- Removes attempts of some runs, except those of files that wait or are processing, and except the
-- latest 1000 of the history, from which durations are forecast. Looks at a limited number of
-- attempts, and returns the last of these and the number of removed ones.
-- $1 runs, $2 run and $3 number of the last attempt before, $4 limit
with part as materialized (
  select a.run, a.number, a.item from past_attempt a
  where a.run = any ($1::text[]) and (a.run, a.number) > ($2::text, $3::bigint)
    and a.run <= (select max(run) from unnest($1::text[]) as given (run))
  order by a.run, a.number limit $4
), removed as (
  delete from past_attempt a using part p
  where a.number = p.number
    and not exists (select from item i where i.id = p.item and i.status in (0, 1))
    and a.number < (select min(number) from (select number from past_attempt order by number desc limit 1000) latest)
  returning a.number
)
select p.run, p.number, (select count(*) from removed) as removed
from part p order by p.run desc, p.number desc limit 1
