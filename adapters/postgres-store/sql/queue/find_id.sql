select * from item where id = $1
