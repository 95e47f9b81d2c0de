-- The events of runs, and what the history derives from them: attempts, and the figures of runs.
-- Times of events come from the clock of the run that reports them, because they are reports.
-- The order of the numbers is the order in which the events arrived.

create table event (
  number bigint primary key generated always as identity,
  at_us bigint not null,
  run text not null,
  name text not null,
  -- The attempt that the event refers to, and the run that made it. A recovery is reported by
  -- another run.
  item bigint,
  path bytea,
  round bigint,
  attempt bigint,
  claim bigint,
  attempt_run text,
  -- How the attempt ended: 0 completed, 1 requeued, 2 failed, 3 timeout, 4 released, 5 died,
  -- 6 discarded. Null if the event is no end.
  ending smallint,
  -- What the event adds to the figures of its run: 1 a completed file, 2 a retry, 3 a failed file.
  figure smallint,
  elapsed_us bigint,
  user_us bigint,
  system_us bigint,
  peak_memory_bytes bigint,
  input_changed boolean not null default false,
  size_bytes bigint,
  recipe bytea,
  reason text,
  -- The figures of a run that has ended.
  completed bigint,
  failed bigint,
  retried bigint,
  stopped_by text,
  -- The stop that a run obeys.
  stop_level text,
  stop_cause text,
  check ((item is null) = (path is null))
);
create index event_item on event (item, number) where item is not null;
create index event_run on event (run, number);
create index event_figure on event (run) where figure is not null;

-- The handles that report events, each with the number of its last event. A handle that repeats
-- events because their answer was lost adds them once.
create table event_writer (
  writer text primary key,
  written bigint not null
) with (fillfactor = 50);

create table past_attempt (
  number bigint primary key generated always as identity,
  item bigint not null,
  path bytea not null,
  round bigint not null,
  attempt bigint not null,
  claim bigint,
  run text not null,
  -- The time of the beginning or, if that is unknown, of the end.
  at_us bigint not null,
  started_at_us bigint,
  -- As in the table event; null while the attempt is running, or if its end is unknown.
  ending smallint,
  elapsed_us bigint,
  user_us bigint,
  system_us bigint,
  peak_memory_bytes bigint,
  input_changed boolean not null default false,
  size_bytes bigint,
  recipe bytea,
  reason text
) with (fillfactor = 80);
create index past_attempt_item on past_attempt (item, number);
create index past_attempt_run on past_attempt (run, number);
create index past_attempt_open on past_attempt (item, round, attempt, run) where ending is null;

create table past_run (
  run text primary key,
  -- The number of the run's first event.
  first_number bigint not null,
  started_at_us bigint,
  last_event_at_us bigint not null,
  -- The latest time of an event, apart from recoveries.
  latest_at_us bigint,
  ended_at_us bigint,
  stopped_by text,
  stop_at_us bigint,
  stop_level text,
  stop_cause text,
  completed bigint not null,
  failed bigint not null,
  retried bigint not null
) with (fillfactor = 50);
create index past_run_order on past_run (first_number);

-- Adds an attempt when it begins, and ends it later. Claims are compared only if both are known: a
-- recovery does not report them. An end without a beginning is an attempt of its own.
create function record_attempt() returns trigger language plpgsql set search_path from current as $$
begin
  if new.name = 'file_started' then
    insert into past_attempt (item, path, round, attempt, claim, run, at_us, started_at_us, size_bytes, recipe)
    values (new.item, new.path, new.round, new.attempt, new.claim, new.attempt_run, new.at_us, new.at_us,
            new.size_bytes, new.recipe);
    return null;
  end if;
  update past_attempt
  set claim = coalesce(claim, new.claim), ending = new.ending, elapsed_us = new.elapsed_us,
      user_us = new.user_us, system_us = new.system_us, peak_memory_bytes = new.peak_memory_bytes,
      input_changed = new.input_changed, reason = new.reason
  where number = (select number from past_attempt
                  where item = new.item and round = new.round and attempt = new.attempt
                    and run = new.attempt_run and ending is null and path = new.path
                    and (claim is null or new.claim is null or claim = new.claim)
                  order by number desc limit 1);
  if not found then
    insert into past_attempt (item, path, round, attempt, claim, run, at_us, ending, elapsed_us, user_us,
                              system_us, peak_memory_bytes, input_changed, reason)
    values (new.item, new.path, new.round, new.attempt, new.claim, new.attempt_run, new.at_us, new.ending,
            new.elapsed_us, new.user_us, new.system_us, new.peak_memory_bytes, new.input_changed, new.reason);
  end if;
  return null;
end $$;

-- Adds to the figures of runs. Recoveries alone make no run: a person may recover a dead run.
create function record_runs() returns trigger language plpgsql set search_path from current as $$
begin
  insert into past_run as p
  select run, min(number), max(at_us) filter (where name = 'processor_started'),
         (array_agg(at_us order by number desc))[1], max(at_us) filter (where name <> 'file_recovered'),
         max(at_us) filter (where name = 'processor_stopped'), max(stopped_by),
         (array_agg(at_us order by number desc) filter (where stop_level is not null))[1],
         (array_agg(stop_level order by number desc) filter (where stop_level is not null))[1],
         (array_agg(stop_cause order by number desc) filter (where stop_level is not null))[1],
         coalesce(max(completed), count(*) filter (where figure = 1)),
         coalesce(max(failed), count(*) filter (where figure = 3)),
         coalesce(max(retried), count(*) filter (where figure = 2))
  from new_events
  group by run
  having bool_or(name <> 'file_recovered') or exists (select from past_run known where known.run = new_events.run)
  on conflict (run) do update
  set started_at_us = coalesce(p.started_at_us, excluded.started_at_us),
      last_event_at_us = excluded.last_event_at_us,
      latest_at_us = greatest(p.latest_at_us, excluded.latest_at_us),
      ended_at_us = coalesce(excluded.ended_at_us, p.ended_at_us),
      stopped_by = coalesce(excluded.stopped_by, p.stopped_by),
      stop_at_us = coalesce(excluded.stop_at_us, p.stop_at_us),
      stop_level = coalesce(excluded.stop_level, p.stop_level),
      stop_cause = coalesce(excluded.stop_cause, p.stop_cause),
      -- The end of a run reports its figures.
      completed = excluded.completed + case when excluded.ended_at_us is null then p.completed else 0 end,
      failed = excluded.failed + case when excluded.ended_at_us is null then p.failed else 0 end,
      retried = excluded.retried + case when excluded.ended_at_us is null then p.retried else 0 end;
  return null;
end $$;

create trigger record_attempt after insert on event for each row
  when (new.name = 'file_started' or new.ending is not null) execute function record_attempt();
create trigger record_runs after insert on event
  referencing new table as new_events for each statement execute function record_runs();
