-- The next due time, and whether items wait that are due or have no due time. An item may have
-- become due after the exchange began, or another transaction had locked it then. No claim takes
-- such an item, so it is due again in 10 ms.
-- $5 and $6 rank and sequence of the start, as in `ready_of_queue.sql`
with waiting as (
  select least(
           (select case when min(not_before_us) <= now_us() then now_us() + 10000 else min(not_before_us) end
            from item
            where status = 0 and not is_held and is_backing_off and not_before_us is not null),
           (select min(not_before_us) from item
            where status = 0 and not is_held and not is_backing_off and not_before_us > now_us())) as due_us,
         exists (select from item where status = 0 and not is_held and not is_backing_off
                 and (rank, sequence) > ($5::bigint, $6::bigint))
         or exists (select from item where status = 0 and not is_held and not is_backing_off)
         or exists (select from item where status = 0 and not is_held and is_backing_off
                    and not_before_us is not null) as has_waiting
)
