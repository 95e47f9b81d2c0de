-- Renews a lease that is not over; returns no row if it is over. $1 run, $2 the duration of the lease in us
update lease set renewed_at_us = clock_us(), until_us = clock_us() + $2
where run = $1 and until_us > clock_us()
returning run
