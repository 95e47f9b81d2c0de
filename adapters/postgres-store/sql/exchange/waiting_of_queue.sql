-- The next due time, and whether items wait that are due or have no due time.
with waiting as (
  select least(
           (select min(not_before_us) from item
            where status = 0 and not is_held and is_backing_off and not_before_us > now_us()),
           (select min(not_before_us) from item
            where status = 0 and not is_held and not is_backing_off and not_before_us > now_us())) as due_us,
         exists (select from item where status = 0 and not is_held and not is_backing_off)
         or exists (select from item where status = 0 and not is_held and is_backing_off
                    and not_before_us is not null) as has_waiting
)
