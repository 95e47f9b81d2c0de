-- $1 run, $2 the duration of the lease in us
insert into lease (run, renewed_at_us, until_us) values ($1, clock_us(), clock_us() + $2)
on conflict (run) do update set renewed_at_us = excluded.renewed_at_us, until_us = excluded.until_us
