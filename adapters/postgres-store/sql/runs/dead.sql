-- The runs whose lease is over, and the runs that have ended and still hold claims.
select r.*, case when r.ended_at_us is null then greatest(clock_us() - l.until_us, 0) end as over_us
from run r left join lease l on l.run = r.id
where (r.ended_at_us is null and (l.run is null or l.until_us < clock_us()))
   or r.id in (select i.claim_run from item i join run ended on ended.id = i.claim_run
               where i.claim_run is not null and ended.ended_at_us is not null)
order by r.id
