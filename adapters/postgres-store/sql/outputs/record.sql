-- Adds ends of outputs, unless they were added before. Does not wait until they are durable, like
-- events.
-- One array element for each output: $1 items, $2 claims, $3 runs, $4 attempts, $5 paths, $6 lengths
-- in bytes, $7 last bytes
with setting as materialized (select set_config('synchronous_commit', 'off', true))
insert into attempt_output (item, claim, run, attempt, file, bytes, ending)
select o.item, o.claim, o.run, o.attempt, o.file, o.bytes, o.ending
from setting,
     unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bytea[])
       as o (item, claim, run, attempt, file, bytes, ending)
on conflict do nothing
