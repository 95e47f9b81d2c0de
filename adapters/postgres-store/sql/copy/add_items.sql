-- Adds items without claims, as another store has them.
-- $1 ids, $2 sequences, $3 paths, $4 depths, $5 priorities, $6 times of addition, $7 rounds, $8 whether
-- they follow a completion, $9 attempts, $10 times of the last attempt, $11 statuses, $12 holds,
-- $13 not_before_us, $14 ordered_at_us, $15 errors, $16 whether a completion is known, $17 sizes,
-- $18 modification times, $19 recipes
insert into item (id, sequence, path, depth, priority, added_at_us, round, follows_completion, attempts,
                  last_attempt_us, status, is_held, not_before_us, ordered_at_us, is_backing_off,
                  last_error, is_completion_known, completed_size, completed_modified_ns, completed_recipe)
select id, sequence, path, depth, priority, added_at_us, round, follows_completion, attempts,
       last_attempt_us, status, is_held, not_before_us, ordered_at_us, not_before_us is not null,
       last_error, is_completion_known, size, modified_ns, recipe
from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::smallint[], $5::integer[], $6::bigint[],
            $7::bigint[], $8::boolean[], $9::bigint[], $10::bigint[], $11::smallint[], $12::boolean[],
            $13::bigint[], $14::bigint[], $15::text[], $16::boolean[], $17::bigint[], $18::bigint[],
            $19::bytea[])
  as n (id, sequence, path, depth, priority, added_at_us, round, follows_completion, attempts,
        last_attempt_us, status, is_held, not_before_us, ordered_at_us, last_error,
        is_completion_known, size, modified_ns, recipe)
