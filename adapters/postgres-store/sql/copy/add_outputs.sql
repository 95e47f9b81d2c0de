-- Adds outputs whose attempts are in the history, which names their runs.
-- $1 items, $2 claims, $3 attempts, $4 hosts, $5 paths, $6 lengths in bytes, $7 last bytes, $8 times
insert into attempt_output (item, claim, run, attempt, host, file, bytes, ending, at_us)
select o.item, o.claim, p.run, o.attempt, o.host, o.file, o.bytes, o.ending, o.at_us
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::bigint[], $7::bytea[],
            $8::bigint[])
       as o (item, claim, attempt, host, file, bytes, ending, at_us)
cross join lateral (
  select a.run from past_attempt a where a.item = o.item and a.claim = o.claim order by a.number desc limit 1
) p
on conflict do nothing
