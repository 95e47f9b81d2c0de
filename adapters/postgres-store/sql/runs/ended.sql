-- The runs among $1 that have ended.
select id from run where id = any ($1::text[]) and ended_at_us is not null
