-- $1 ids, $2 paths
select * from item
where id = any ($1::bigint[] || array(select i.id from unnest($2::bytea[]) as named (path)
                                      join item i on i.path_hash = sha256(named.path)))
order by id
for update
