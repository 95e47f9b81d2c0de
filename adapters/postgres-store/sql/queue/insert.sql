-- $1 ids, $2 paths, $3 depths, $4 priorities, $5 the time of addition in us
insert into item (id, sequence, path, depth, priority, added_at_us)
select id, id, path, depth, priority, $5
from unnest($1::bigint[], $2::bytea[], $3::smallint[], $4::integer[]) as n (id, path, depth, priority)
