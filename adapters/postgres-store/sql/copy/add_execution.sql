-- Adds the execution of an item that is in the queue.
-- $1 item, $2 claim, $3 run, $4 when it completed, $5 events
with added as (
  insert into execution (item, claim, run, completed_at_us)
  select id, $2::bigint, $3::text, $4::bigint from item where id = $1::bigint
  returning item
)
insert into execution_event (item, number, body)
select a.item, e.place, e.body
from added a, unnest($5::text[]) with ordinality as e (body, place)
