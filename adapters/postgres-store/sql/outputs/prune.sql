-- Removes outputs that are older than $1 us.
delete from attempt_output where at_us < now_us() - $1
