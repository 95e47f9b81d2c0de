-- Stores the ids of a scope, if the run may make exchanges.
-- $1 run, $2 scope, $3 items
insert into scope_item (run, scope, item)
select $1, $2, item from unnest($3::bigint[]) item
where exists (select from exchange where run = $1)
on conflict do nothing
