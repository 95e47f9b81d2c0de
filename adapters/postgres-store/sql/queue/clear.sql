-- $1 statuses
with chosen as (
  select id from item where status = any ($1::smallint[]) and status <> 1 order by id for update
), gone as (
  delete from item i using chosen c where i.id = c.id and i.status <> 1
  returning i.status, i.is_held
)
select count(*) filter (where status = 0) as pending, count(*) filter (where is_held) as held,
       0::bigint as processing, count(*) filter (where status = 2) as completed,
       count(*) filter (where status = 3) as failed, count(*) filter (where status = 4) as timeout
from gone
