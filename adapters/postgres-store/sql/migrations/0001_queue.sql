-- The queue, its runs and their leases. The schema is the first one of the search path.
--
-- Points in time are microseconds since 1970-01-01 00:00 UTC, because the queue has an endless
-- backoff and the type timestamptz has another range. Every time comes from the server's clock.
-- Statuses: 0 pending, 1 processing, 2 completed, 3 failed, 4 timeout.

-- The time at which the current statement began. Rules of the queue use this clock.
create function now_us() returns bigint language sql stable
  return (extract(epoch from statement_timestamp()) * 1000000)::bigint;

-- The current time, also after a wait for a lock. Leases use this clock.
create function clock_us() returns bigint language sql volatile
  return (extract(epoch from clock_timestamp()) * 1000000)::bigint;

-- Ids and sequence numbers share one counter. A transaction that takes numbers locks its row, so
-- the order of the numbers is the order of the commits.
create table numbering (
  is_only boolean primary key default true check (is_only),
  next_number bigint not null
);
insert into numbering (next_number) values (1);

create sequence claim_number as bigint;

create table item (
  id bigint primary key,
  -- The position among items of the same priority.
  sequence bigint not null,
  path bytea not null,
  -- An index entry holds at most 2704 bytes, a path up to 4096.
  path_hash bytea not null generated always as (sha256(path)) stored,
  depth smallint not null default 0,
  priority integer not null,
  -- Ascending in claim order. A bigint, because the negative of the lowest integer is none.
  rank bigint not null generated always as (-priority::bigint) stored,
  added_at_us bigint not null,
  round bigint not null default 1,
  follows_completion boolean not null default false,
  attempts bigint not null default 0,
  last_attempt_us bigint,
  status smallint not null default 0 check (status between 0 and 4),
  is_held boolean not null default false,
  not_before_us bigint,
  ordered_at_us bigint,
  -- True until an exchange sees that the backoff is over. Keeps items that are not due out of the
  -- index that claims read.
  is_backing_off boolean not null default false,
  claim_number bigint,
  claim_run text,
  claim_is_cancelled boolean not null default false,
  -- The exchange that made the claim, and two columns that may change during the claim, as the
  -- exchange has answered them.
  claim_request bigint,
  claim_priority integer,
  claim_depth smallint,
  last_error text,
  is_completion_known boolean not null default false,
  completed_size bigint,
  completed_modified_ns bigint,
  completed_recipe bytea,
  check ((status = 1) = (claim_number is not null)),
  check ((claim_number is null) = (claim_run is null)),
  check ((not_before_us is null) = (ordered_at_us is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

create unique index item_path on item (path_hash);
create index item_order on item (rank, sequence);
create index item_ready on item (rank, sequence)
  where status = 0 and not is_held and not is_backing_off;
create index item_due on item (is_backing_off, not_before_us)
  where status = 0 and not is_held and not_before_us is not null;
create index item_ordered on item (ordered_at_us)
  where status = 0 and not is_held and ordered_at_us is not null;
create index item_ended on item (status, rank, sequence) where status > 1;
-- For recoveries and repeated exchanges. Begins with the request, so that no statement that names
-- only the run prefers it: while a snapshot is open, it is full of dead entries.
create index item_claimed on item (claim_request, claim_run) where claim_run is not null;
create index item_cancelled on item (claim_run) where claim_is_cancelled;

-- Changes of the counts, one row for each statement that changed a status or a hold. Their sum is
-- the counts, so no transaction waits for another one to count.
create table tally (
  pending bigint not null,
  held bigint not null,
  processing bigint not null,
  completed bigint not null,
  failed bigint not null,
  timeout bigint not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200,
        autovacuum_vacuum_cost_delay = 0);

create function tally_insertion() returns trigger language plpgsql set search_path from current as $$
begin
  insert into tally
  select count(*) filter (where status = 0), count(*) filter (where is_held),
         count(*) filter (where status = 1), count(*) filter (where status = 2),
         count(*) filter (where status = 3), count(*) filter (where status = 4)
  from new_items having count(*) > 0;
  return null;
end $$;

create function tally_deletion() returns trigger language plpgsql set search_path from current as $$
begin
  insert into tally
  select -count(*) filter (where status = 0), -count(*) filter (where is_held),
         -count(*) filter (where status = 1), -count(*) filter (where status = 2),
         -count(*) filter (where status = 3), -count(*) filter (where status = 4)
  from old_items having count(*) > 0;
  return null;
end $$;

create function tally_update() returns trigger language plpgsql set search_path from current as $$
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
  return null;
end $$;

create trigger tally_insertion after insert on item
  referencing new table as new_items for each statement execute function tally_insertion();
create trigger tally_deletion after delete on item
  referencing old table as old_items for each statement execute function tally_deletion();
create trigger tally_update after update on item
  referencing old table as old_items new table as new_items
  for each statement execute function tally_update();

-- Every run that ever began; a name is never used again.
create table run (
  id text primary key,
  started_at_us bigint not null,
  jobs bigint not null,
  max_attempts bigint not null,
  timeout_us bigint not null,
  recipe bytea,
  work text,
  host text not null,
  boot text not null,
  pid_namespace text not null,
  pid bigint not null,
  project bytea not null,
  -- When the run ended or was recovered; null while it is alive or dead and not recovered.
  ended_at_us bigint
);
create index run_open on run (id) where ended_at_us is null;

-- The lease of each run that has not ended. Apart from the row that exchanges lock, so that a
-- slow exchange never delays a renewal.
create table lease (
  run text primary key,
  renewed_at_us bigint not null,
  until_us bigint not null
) with (fillfactor = 50);

-- The latest exchange of each run that may make exchanges. An exchange locks its row, and a
-- recovery deletes it.
create table exchange (
  run text primary key,
  request bigint,
  -- Positions in the settlements of the request, from 1.
  settled bigint[] not null default '{}',
  settled_cancelled bigint[] not null default '{}',
  cancelled_items bigint[] not null default '{}',
  cancelled_numbers bigint[] not null default '{}',
  next_due_us bigint,
  has_waiting boolean not null default false
) with (fillfactor = 50);

-- The items of the scopes that live runs have named, with copies of the columns by which they are
-- claimed. Triggers keep the copies up to date, so an exchange need not read its whole scope.
create table scope_item (
  run text not null,
  scope bigint not null,
  item bigint not null,
  rank bigint not null,
  sequence bigint not null,
  -- 0: waits and is not backing off; 1: waits and is backing off; 2: does not wait.
  state smallint not null,
  not_before_us bigint,
  primary key (item, run, scope)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
create index scope_item_ready on scope_item (run, scope, rank, sequence) where state = 0;
create index scope_item_due on scope_item (run, scope, state, not_before_us) where state < 2;

create function scope_update() returns trigger language plpgsql set search_path from current as $$
begin
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

create function scope_deletion() returns trigger language plpgsql set search_path from current as $$
begin
  delete from scope_item s using old_items i where s.item = i.id;
  return null;
end $$;

create trigger scope_update after update on item
  referencing new table as new_items for each statement execute function scope_update();
create trigger scope_deletion after delete on item
  referencing old table as old_items for each statement execute function scope_deletion();

-- Begins an exchange: locks the run's row, refuses a run that is not alive (AP001) and a request
-- that was carried out before (AP002), and updates the backoffs.
create function enter_exchange(asking text, number bigint) returns void language plpgsql as $$
declare
  latest bigint;
  right_now constant bigint := now_us();
begin
  select request into latest from exchange where run = asking for update;
  if not found or not exists (select from lease where run = asking and until_us > clock_us()) then
    raise exception 'the run is not alive' using errcode = 'AP001';
  end if;
  if latest = number then
    raise exception 'the request was carried out before' using errcode = 'AP002';
  end if;
  -- The clock was set back: no backoff lasts longer than it was ordered.
  if exists (select from item where status = 0 and not is_held and ordered_at_us > right_now) then
    update item
    set not_before_us = least(right_now + greatest(not_before_us - ordered_at_us, 0), not_before_us),
        ordered_at_us = right_now, is_backing_off = true
    where id in (select id from item
                 where status = 0 and not is_held and ordered_at_us > right_now
                   and not_before_us <> 253402207200000000
                   and not_before_us > right_now + greatest(not_before_us - ordered_at_us, 0)
                 order by id for update skip locked);
  end if;
  if exists (select from item where status = 0 and not is_held and is_backing_off
               and not_before_us <= right_now) then
    update item set is_backing_off = false
    where id in (select id from item where status = 0 and not is_held and is_backing_off
                   and not_before_us <= right_now
                 order by id for update skip locked);
  end if;
end $$;
