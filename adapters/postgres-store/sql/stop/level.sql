-- The highest level of the requests that a run obeys; 0 if there is none.
-- $1 run
select coalesce(max(q.level), 0::smallint) as level
from run r
join stop_request q on q.number > r.stop_number
where r.id = $1 and (q.host is null or q.host = r.host) and (q.run is null or q.run = r.id)
