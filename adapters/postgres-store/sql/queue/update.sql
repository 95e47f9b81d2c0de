-- Writes changed items back. Their claims and completions stay or go; neither is ever new.
-- $1 ids, $2 sequences, $3 depths, $4 priorities, $5 rounds, $6 whether they follow a completion,
-- $7 attempts, $8 statuses, $9 holds, $10 not_before_us, $11 ordered_at_us, $12 whether the claim
-- stays, $13 whether it is cancelled, $14 errors, $15 whether the completion stays
update item i
set sequence = c.sequence, depth = c.depth, priority = c.priority, round = c.round,
    follows_completion = c.follows_completion, attempts = c.attempts, status = c.status,
    is_held = c.is_held, not_before_us = c.not_before_us, ordered_at_us = c.ordered_at_us,
    is_backing_off = c.not_before_us is not null,
    claim_number = case when c.has_claim then i.claim_number end,
    claim_run = case when c.has_claim then i.claim_run end,
    claim_request = case when c.has_claim then i.claim_request end,
    claim_priority = case when c.has_claim then i.claim_priority end,
    claim_depth = case when c.has_claim then i.claim_depth end,
    claim_is_cancelled = c.is_cancelled,
    last_error = c.last_error,
    is_completion_known = c.has_completion and i.is_completion_known,
    completed_size = case when c.has_completion then i.completed_size end,
    completed_modified_ns = case when c.has_completion then i.completed_modified_ns end,
    completed_recipe = case when c.has_completion then i.completed_recipe end
from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::integer[], $5::bigint[], $6::boolean[],
            $7::bigint[], $8::smallint[], $9::boolean[], $10::bigint[], $11::bigint[], $12::boolean[],
            $13::boolean[], $14::text[], $15::boolean[])
  as c (id, sequence, depth, priority, round, follows_completion, attempts, status, is_held,
        not_before_us, ordered_at_us, has_claim, is_cancelled, last_error, has_completion)
where i.id = c.id
