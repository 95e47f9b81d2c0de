-- The end of a query: the latest entries that match, the latest first.
-- $1 item or null, $2 run or null, $3 the first time or null, $4 the time after the last or null
($1::bigint is null or item = $1) and ($2::text is null or run = $2)
and ($3::bigint is null or at_us >= $3) and ($4::bigint is null or at_us < $4)
order by number desc
limit 1000
