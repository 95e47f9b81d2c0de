-- The files that changed during the latest attempt that completed them, in the order of their first
-- change.
-- $1 runs, $2 limit
with completion as materialized (
  select number, path, input_changed,
         max(number) filter (where not input_changed) over (partition by path) as unchanged
  from event
  where run = any ($1::text[]) and figure = 1
), changed as materialized (
  select min(number) as first, max(number) as latest
  from completion where input_changed and number > coalesce(unchanged, 0)
  group by path
)
select e.*, c.files
from (select first, latest, count(*) over () as files from changed order by first limit $2) c
join event e on e.number = c.latest
order by c.first
