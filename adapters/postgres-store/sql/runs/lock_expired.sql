-- The runs among $1 whose lease is over. Locks them: they make no exchange any more, and their
-- lease cannot be renewed.
select x.run from exchange x join lease l on l.run = x.run
where x.run = any ($1::text[]) and l.until_us < clock_us()
order by x.run
for update of x, l
