-- Adds events in the given order, as another store has them. Triggers derive attempts and figures.
-- $1 times, $2 runs, $3 names, $4 items, $5 paths, $6 rounds, $7 attempts, $8 claims, $9 runs of the
-- attempts, $10 endings, $11 figures, $12 elapsed_us, $13 user_us, $14 system_us, $15 peak memory,
-- $16 whether the input changed, $17 sizes, $18 recipes, $19 reasons, $20 completed, $21 failed,
-- $22 retried, $23 why the run ended, $24 stop levels, $25 stop causes, $26 lines
insert into event (at_us, run, name, item, path, round, attempt, claim, attempt_run, ending, figure,
                   elapsed_us, user_us, system_us, peak_memory_bytes, input_changed, size_bytes, recipe,
                   reason, completed, failed, retried, stopped_by, stop_level, stop_cause, line)
select at_us, run, name, item, path, round, attempt, claim, attempt_run, ending, figure, elapsed_us,
       user_us, system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason, completed,
       failed, retried, stopped_by, stop_level, stop_cause, line
from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::text[], $10::smallint[], $11::smallint[], $12::bigint[], $13::bigint[],
            $14::bigint[], $15::bigint[], $16::boolean[], $17::bigint[], $18::bytea[], $19::text[],
            $20::bigint[], $21::bigint[], $22::bigint[], $23::text[], $24::text[], $25::text[],
            $26::text[])
  with ordinality
  as e (at_us, run, name, item, path, round, attempt, claim, attempt_run, ending, figure, elapsed_us,
        user_us, system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason, completed,
        failed, retried, stopped_by, stop_level, stop_cause, line, place)
order by place
