-- $1 statuses or null, $2 and $3 the rank and sequence to begin after, $4 limit or null
select * from item
where ($1::smallint[] is null or status = any ($1)) and (rank, sequence) > ($2, $3)
order by rank, sequence
limit $4
