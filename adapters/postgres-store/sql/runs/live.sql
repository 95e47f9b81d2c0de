select r.*, greatest(clock_us() - l.renewed_at_us, 0) as silent_us
from run r join lease l on l.run = r.id
where r.ended_at_us is null and l.until_us >= clock_us()
order by r.id
