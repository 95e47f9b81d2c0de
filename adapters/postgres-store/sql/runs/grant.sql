-- $1 run, $2 the duration of the lease in us
insert into lease (run, renewed_at_us, until_us) values ($1, clock_us(), clock_us() + $2)
