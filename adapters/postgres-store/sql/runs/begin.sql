-- $1 to $12: the registration
insert into run (id, started_at_us, jobs, max_attempts, timeout_us, recipe, work, host, boot,
                 pid_namespace, pid, project)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (id) do nothing
returning id
