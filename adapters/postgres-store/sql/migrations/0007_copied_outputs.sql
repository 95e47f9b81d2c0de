-- The host that has the file of an output which was copied from a folder. Null for an output that
-- was stored here: its file is on the host of its run.
alter table attempt_output add column host text;
