select * from item where status in (3, 4) order by id for update
