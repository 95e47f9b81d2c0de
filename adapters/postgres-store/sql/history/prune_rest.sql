-- Removes attempts of runs whose figures are removed, except those of files that wait or are
-- processing, and except the latest 1000 of the history. Returns the number of removed attempts.
-- $1 limit
with removed as (
  delete from past_attempt where number in (
    select a.number from past_attempt a
    where not exists (select from past_run r where r.run = a.run)
      and not exists (select from item i where i.id = a.item and i.status in (0, 1))
      and a.number < (select min(number) from (select number from past_attempt order by number desc limit 1000) latest)
    limit $1)
  returning number
)
select count(*) as removed from removed
