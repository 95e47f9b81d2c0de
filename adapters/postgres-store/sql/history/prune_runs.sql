-- Removes the figures of runs without events. $1 runs
delete from past_run p
where p.run = any ($1::text[]) and not exists (select from event e where e.run = p.run)
returning p.run
