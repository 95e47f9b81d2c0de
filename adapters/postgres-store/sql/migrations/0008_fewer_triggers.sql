-- One trigger in place of two for each update of items, and one call for all events of a statement
-- in place of one for each event. Most of the server's time in a run of short commands was theirs.

drop trigger tally_update on item;
drop trigger scope_update on item;
drop function tally_update();
drop function scope_update();

create function item_update() returns trigger language plpgsql set search_path from current as $$
begin
  insert into tally
  select * from (
    select coalesce(sum(n) filter (where status = 0), 0) as pending,
           coalesce(sum(n) filter (where is_held), 0) as held,
           coalesce(sum(n) filter (where status = 1), 0) as processing,
           coalesce(sum(n) filter (where status = 2), 0) as completed,
           coalesce(sum(n) filter (where status = 3), 0) as failed,
           coalesce(sum(n) filter (where status = 4), 0) as timeout
    from (select 1 as n, status, is_held from new_items
          union all
          select -1, status, is_held from old_items) change
  ) delta
  where (pending, held, processing, completed, failed, timeout) <> (0, 0, 0, 0, 0, 0);

  update scope_item s
  set rank = i.rank, sequence = i.sequence, state = i.state, not_before_us = i.not_before_us
  from (select id, rank, sequence, not_before_us,
               case when status <> 0 or is_held then 2 when is_backing_off then 1 else 0 end as state
        from new_items) i
  where s.item = i.id
    and (s.rank, s.sequence, s.state, s.not_before_us)
        is distinct from (i.rank, i.sequence, i.state::smallint, i.not_before_us);
  return null;
end $$;

create trigger item_update after update on item
  referencing old table as old_items new table as new_items
  for each statement execute function item_update();

drop trigger record_attempt on event;
drop function record_attempt();

-- Adds an attempt when it begins, and ends it later. If the next event of the attempt is its end, the
-- attempt is added as a whole. Claims are compared only if both are known: a recovery does not report
-- them. An end without a beginning is an attempt of its own.
create function record_attempts() returns trigger language plpgsql set search_path from current as $$
declare
  e record;
begin
  for e in
    select number, at_us, name, item, path, round, attempt, claim, attempt_run, ending, elapsed_us, user_us,
           system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason,
           lag(name) over attempt_events = 'file_started'
             and (lag(claim) over attempt_events is null or claim is null
                  or lag(claim) over attempt_events = claim) as has_beginning,
           lead(ending) over attempt_events is not null
             and (lead(claim) over attempt_events is null or claim is null
                  or lead(claim) over attempt_events = claim) as has_end,
           lead(claim) over attempt_events as end_claim,
           lead(ending) over attempt_events as end_ending,
           lead(elapsed_us) over attempt_events as end_elapsed_us,
           lead(user_us) over attempt_events as end_user_us,
           lead(system_us) over attempt_events as end_system_us,
           lead(peak_memory_bytes) over attempt_events as end_peak_memory_bytes,
           lead(input_changed) over attempt_events as end_input_changed,
           lead(reason) over attempt_events as end_reason
    from new_events
    where name = 'file_started' or ending is not null
    window attempt_events as (partition by item, round, attempt, attempt_run, path order by number)
    order by number
  loop
    if e.name = 'file_started' and e.has_end then
      insert into past_attempt (item, path, round, attempt, claim, run, at_us, started_at_us, ending, elapsed_us,
                                user_us, system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason)
      values (e.item, e.path, e.round, e.attempt, coalesce(e.claim, e.end_claim), e.attempt_run, e.at_us, e.at_us,
              e.end_ending, e.end_elapsed_us, e.end_user_us, e.end_system_us, e.end_peak_memory_bytes,
              e.end_input_changed, e.size_bytes, e.recipe, e.end_reason);
    elsif e.name = 'file_started' then
      insert into past_attempt (item, path, round, attempt, claim, run, at_us, started_at_us, size_bytes, recipe)
      values (e.item, e.path, e.round, e.attempt, e.claim, e.attempt_run, e.at_us, e.at_us, e.size_bytes, e.recipe);
    elsif e.has_beginning is not true then
      update past_attempt
      set claim = coalesce(claim, e.claim), ending = e.ending, elapsed_us = e.elapsed_us, user_us = e.user_us,
          system_us = e.system_us, peak_memory_bytes = e.peak_memory_bytes, input_changed = e.input_changed,
          reason = e.reason
      where number = (select number from past_attempt
                      where item = e.item and round = e.round and attempt = e.attempt
                        and run = e.attempt_run and ending is null and path = e.path
                        and (claim is null or e.claim is null or claim = e.claim)
                      order by number desc limit 1)
        -- Another handle may have ended the attempt meanwhile.
        and ending is null;
      if not found then
        insert into past_attempt (item, path, round, attempt, claim, run, at_us, ending, elapsed_us, user_us,
                                  system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason)
        values (e.item, e.path, e.round, e.attempt, e.claim, e.attempt_run, e.at_us, e.ending, e.elapsed_us,
                e.user_us, e.system_us, e.peak_memory_bytes, e.input_changed, e.size_bytes, e.recipe, e.reason);
      end if;
    end if;
  end loop;
  return null;
end $$;

create trigger record_attempts after insert on event
  referencing new table as new_events for each statement execute function record_attempts();
