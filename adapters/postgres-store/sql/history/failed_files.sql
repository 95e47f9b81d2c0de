-- The files that failed in some runs and did not complete later in one of these, each with its
-- latest failure, in the order in which they first failed.
-- $1 runs, $2 limit
with outcome as materialized (
  select number, path, figure, max(number) filter (where figure = 1) over (partition by path) as completed
  from event
  where run = any ($1::text[]) and figure in (1, 3)
), failed as materialized (
  select min(number) as first, max(number) as latest
  from outcome where figure = 3 and number > coalesce(completed, 0)
  group by path
)
select e.*, f.files
from (select first, latest, count(*) over () as files from failed order by first limit $2) f
join event e on e.number = f.latest
order by f.first
