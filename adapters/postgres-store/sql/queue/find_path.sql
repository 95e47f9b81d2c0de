select * from item where path_hash = sha256($1::bytea)
