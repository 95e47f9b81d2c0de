-- The number of events of some runs, except those of files that wait or are processing. $1 runs
select count(*) as events from event e
where e.run = any ($1::text[])
  and not exists (select from item i where i.id = e.item and i.status in (0, 1))
