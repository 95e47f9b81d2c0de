-- The journals of workflow executions, one for each item, so that every machine can continue them.

create table execution (
  item bigint primary key,
  -- The claim and the run of the latest attempt that began to record.
  claim bigint not null,
  run text not null,
  -- When the execution completed; null before. The oldest completed executions are removed.
  completed_at_us bigint
);
create index execution_completed on execution (completed_at_us) where completed_at_us is not null;

create table execution_event (
  item bigint not null,
  -- The position in the journal, from 1.
  number bigint not null,
  -- A JSON document. A text, because the type jsonb refuses the escape of NUL.
  body text not null,
  primary key (item, number)
);

create function execution_deletion() returns trigger language plpgsql set search_path from current as $$
begin
  delete from execution_event e using old_items i where e.item = i.id;
  delete from execution x using old_items i where x.item = i.id;
  return null;
end $$;

create trigger execution_deletion after delete on item
  referencing old table as old_items for each statement execute function execution_deletion();
