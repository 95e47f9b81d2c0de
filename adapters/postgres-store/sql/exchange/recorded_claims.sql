-- The items that a request claimed.
-- $1 run, $2 request
select * from item where claim_run = $1 and claim_request = $2
