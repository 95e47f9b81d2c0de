-- The events that begin and end the attempts of some runs, and those that end these runs, in the
-- order in which they arrived.
-- $1 runs, $2 the number of the event to begin after, $3 limit, $4 the number of the last event to read
select number, at_us, run, name, item, path, round, attempt, claim, attempt_run, ending, elapsed_us,
       user_us, system_us, peak_memory_bytes, input_changed, size_bytes, recipe, reason
from event
where number > $2 and number <= $4
  and ((attempt_run = any ($1::text[]) and (name = 'file_started' or ending is not null))
       or (run = any ($1::text[]) and name = 'processor_stopped'))
order by number
limit $3
