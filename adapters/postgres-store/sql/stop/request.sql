-- Adds a request, and removes the requests that no run can obey any more.
-- $1 level, $2 host or null, $3 run or null
with old as (
  delete from stop_request
  where number < (select coalesce(min(stop_number), 9223372036854775807) from run where ended_at_us is null)
)
insert into stop_request (level, host, run) values ($1, $2, $3)
