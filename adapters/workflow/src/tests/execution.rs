//! Executions of workflows, with real and with scripted processes.

mod control;
mod damage;
mod finished;
mod harness;
mod hostile;
mod inputs;
mod missing_values;
mod order;
mod outputs;
mod params;
mod plain_runner;
mod preview;
mod progress;
mod resume;
mod rollback;
mod rollback_repeats;
mod rollback_time;
mod scripted_runner;
mod shared_journals;
mod values;
