-- Adds events, unless they were added before. Does not wait until they are durable: a power failure
-- may lose the latest part of the history.
-- $1 the writer, $2 the writer's number of the last event, then one array element for each event
with writer as (
  insert into event_writer as w (writer, written)
  select $1::text, $2::bigint from set_config('synchronous_commit', 'off', true)
  on conflict (writer) do update set written = excluded.written where w.written < excluded.written
  returning w.writer
)
insert into event (at_us, run, name, item, path, round, attempt, claim, attempt_run, ending, figure,
                   elapsed_us, user_us, system_us, peak_memory_bytes, input_changed, size_bytes, recipe,
                   reason, completed, failed, retried, stopped_by, stop_level, stop_cause)
select at_us, run, name, item, path, round, attempt, claim, attempt_run, ending, figure, elapsed_us,
       user_us, system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason, completed,
       failed, retried, stopped_by, stop_level, stop_cause
from unnest($3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::bigint[], $9::bigint[],
            $10::bigint[], $11::text[], $12::smallint[], $13::smallint[], $14::bigint[], $15::bigint[],
            $16::bigint[], $17::bigint[], $18::boolean[], $19::bigint[], $20::bytea[], $21::text[],
            $22::bigint[], $23::bigint[], $24::bigint[], $25::text[], $26::text[], $27::text[])
  with ordinality
  as e (at_us, run, name, item, path, round, attempt, claim, attempt_run, ending, figure, elapsed_us,
        user_us, system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason, completed,
        failed, retried, stopped_by, stop_level, stop_cause, place)
where exists (select from writer)
order by place
