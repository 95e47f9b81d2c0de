-- $1 runs
with gone as (
  delete from lease where run = any ($1::text[])
), closed as (
  delete from exchange where run = any ($1::text[])
), forgotten as (
  delete from scope_item where run = any ($1::text[])
)
update run set ended_at_us = clock_us() where id = any ($1::text[]) and ended_at_us is null
