-- The items with an execution that has not completed.
select item from execution where completed_at_us is null order by item
