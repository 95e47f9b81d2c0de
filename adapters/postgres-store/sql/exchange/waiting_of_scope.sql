-- As `waiting_of_queue.sql`, for the items of a scope.
-- $1 run, $5 scope
with waiting as (
  select least(
           (select min(not_before_us) from scope_item
            where run = $1 and scope = $5 and state = 0 and not_before_us > now_us()),
           (select case when min(not_before_us) <= now_us() then now_us() + 10000 else min(not_before_us) end
            from scope_item
            where run = $1 and scope = $5 and state = 1)) as due_us,
         exists (select from scope_item where run = $1 and scope = $5 and state = 0)
         or exists (select from scope_item where run = $1 and scope = $5 and state = 1) as has_waiting
)
