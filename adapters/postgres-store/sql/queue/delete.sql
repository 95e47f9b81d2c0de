-- $1 ids
delete from item where id = any ($1::bigint[])
