select coalesce(sum(pending), 0)::bigint as pending, coalesce(sum(held), 0)::bigint as held,
       coalesce(sum(processing), 0)::bigint as processing,
       coalesce(sum(completed), 0)::bigint as completed,
       coalesce(sum(failed), 0)::bigint as failed, coalesce(sum(timeout), 0)::bigint as timeout
from tally
