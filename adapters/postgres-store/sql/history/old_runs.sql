-- The runs without an event in the last $1 us that are over, in the order of their names.
select p.run from past_run p
where coalesce(p.latest_at_us, p.last_event_at_us) < now_us() - $1
  and not exists (select from run r where r.id = p.run and r.ended_at_us is null)
order by p.run
