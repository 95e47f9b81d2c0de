-- $1 ids
select count(*) filter (where status = 0) as pending, count(*) filter (where is_held) as held,
       count(*) filter (where status = 1) as processing, count(*) filter (where status = 2) as completed,
       count(*) filter (where status = 3) as failed, count(*) filter (where status = 4) as timeout
from item where id = any ($1::bigint[])
