-- Requests to stop. Runs and requests take numbers from one sequence, and a run obeys the requests
-- with a higher number than its own. No request needs to be withdrawn before the next run.

create sequence stop_number as bigint;

alter table run add column stop_number bigint not null default nextval('stop_number');

create table stop_request (
  number bigint primary key default nextval('stop_number'),
  -- 1: drain, 2: abort, 3: kill.
  level smallint not null check (level between 1 and 3),
  -- The host or the run that must stop; all runs if both are null.
  host text,
  run text,
  at_us bigint not null default clock_us()
);
