-- Grants a lease; returns no row if the run has one that is over. $1 run, $2 the duration in us
insert into lease (run, renewed_at_us, until_us) values ($1, clock_us(), clock_us() + $2)
on conflict (run) do update set renewed_at_us = excluded.renewed_at_us, until_us = excluded.until_us
where lease.until_us > clock_us()
returning run
