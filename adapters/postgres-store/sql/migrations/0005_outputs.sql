-- The ends of the outputs of attempts. The whole output is a file on the host of its run.

create table attempt_output (
  item bigint not null,
  claim bigint not null,
  run text not null,
  attempt bigint not null,
  -- The path of the file, and its length in bytes.
  file bytea not null,
  bytes bigint not null,
  -- The last bytes of the file.
  ending bytea not null,
  at_us bigint not null default clock_us(),
  primary key (item, claim, run)
);
create index attempt_output_age on attempt_output (at_us);
