-- Replaces the rows of the tally that no other transaction has locked by their sum.
with taken as (
  select ctid from tally for update skip locked
), gone as (
  delete from tally t using taken where t.ctid = taken.ctid
  returning t.pending, t.held, t.processing, t.completed, t.failed, t.timeout
)
insert into tally
select sum(pending), sum(held), sum(processing), sum(completed), sum(failed), sum(timeout)
from gone having count(*) > 0
