-- Removes events of some runs, except those of files that wait or are processing. Looks at a limited
-- number of events, and returns the last of these and the number of removed ones.
-- $1 runs, $2 run and $3 number of the last event before, $4 limit
with part as materialized (
  select e.run, e.number, e.item from event e
  where e.run = any ($1::text[]) and (e.run, e.number) > ($2::text, $3::bigint)
    and e.run <= (select max(run) from unnest($1::text[]) as given (run))
  order by e.run, e.number limit $4
), removed as (
  delete from event e using part p
  where e.number = p.number
    and not exists (select from item i where i.id = p.item and i.status in (0, 1))
  returning e.number
)
select p.run, p.number, (select count(*) from removed) as removed
from part p order by p.run desc, p.number desc limit 1
