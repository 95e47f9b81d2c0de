-- A backoff that was ordered in the future is over if it has no length: the clock was set back.
(select * from item
 where status = 0 and not is_held and not is_backing_off
   and (not_before_us is null or not_before_us <= now_us())
 order by rank, sequence limit 1)
union all
(select * from item
 where status = 0 and not is_held and is_backing_off and not_before_us <= now_us()
 order by rank, sequence limit 1)
union all
(select * from item
 where status = 0 and not is_held and ordered_at_us > now_us()
   and not_before_us <= ordered_at_us and not_before_us <> 253402207200000000
 order by rank, sequence limit 1)
order by rank, sequence
limit 1
