-- Adds runs that have ended, with their hosts and project folders; the rest of them is unknown.
-- $1 names, $2 hosts, $3 project folders
insert into run (id, started_at_us, jobs, max_attempts, timeout_us, host, boot, pid_namespace, pid,
                 project, ended_at_us)
select id, 0, 0, 0, 0, host, '', '', 0, project, 0
from unnest($1::text[], $2::text[], $3::bytea[]) as r (id, host, project)
on conflict do nothing
