-- The claims of the dead runs $1, and the backoffs that are shortened because the clock was set
-- back.
select * from item
where id = any (array(select id from item where claim_run = any ($1::text[]))
             || array(select id from item
                      where status = 0 and not is_held and ordered_at_us > now_us()))
order by id
for update
