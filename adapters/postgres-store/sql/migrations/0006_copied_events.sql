-- The line of an event log from which an event was copied. It has fields that the other columns lack,
-- so a queue that returns to a folder has its old log. Null for an event that was recorded here.
alter table event add column line text;
