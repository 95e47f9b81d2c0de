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

-- Adds an attempt when it begins, and ends it later. Claims are compared only if both are known: a
-- recovery does not report them. An end without a beginning is an attempt of its own.
create function record_attempts() returns trigger language plpgsql set search_path from current as $$
begin
  with reported as materialized (
    select * from new_events where name = 'file_started' or ending is not null
  ), complete as materialized (
    -- The attempts of which this statement adds both the beginning and the end. An end belongs to the
    -- latest beginning before it, and a beginning has the first such end.
    select distinct on (started) started, ended
    from (select distinct on (e.number) s.number as started, e.number as ended
          from reported s
          join reported e using (item, round, attempt, attempt_run, path)
          where s.ending is null and e.ending is not null and s.number < e.number
            and (s.claim is null or e.claim is null or s.claim = e.claim)
          order by e.number, s.number desc) pair
    order by started, ended
  ), alone as materialized (
    select * from reported where number not in (select ended from complete)
  ), known as materialized (
    -- The ends of attempts whose beginning was added before.
    select e.*, (select p.number from past_attempt p
                 where p.item = e.item and p.round = e.round and p.attempt = e.attempt
                   and p.run = e.attempt_run and p.ending is null and p.path = e.path
                   and (p.claim is null or e.claim is null or p.claim = e.claim)
                 order by p.number desc limit 1) as past_number
    from alone e
    where e.ending is not null
  ), updated as (
    update past_attempt p
    set claim = coalesce(p.claim, e.claim), ending = e.ending, elapsed_us = e.elapsed_us,
        user_us = e.user_us, system_us = e.system_us, peak_memory_bytes = e.peak_memory_bytes,
        input_changed = e.input_changed, reason = e.reason
    from known e
    where p.number = e.past_number
    returning e.number
  )
  insert into past_attempt (item, path, round, attempt, claim, run, at_us, started_at_us, ending, elapsed_us, user_us,
                            system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason)
  select f.item, f.path, f.round, f.attempt, coalesce(f.claim, e.claim), f.attempt_run, f.at_us,
         case when f.ending is null then f.at_us end, e.ending, e.elapsed_us, e.user_us,
         e.system_us, e.peak_memory_bytes, coalesce(e.input_changed, false), f.size_bytes, f.recipe, e.reason
  from alone f
  left join complete c on c.started = f.number
  left join reported e on e.number = case when f.ending is null then c.ended else f.number end
  where f.number not in (select number from updated)
  order by f.number;
  return null;
end $$;

create trigger record_attempts after insert on event
  referencing new table as new_events for each statement execute function record_attempts();
