//! Workflows carried out: with real processes, and with ones that a script stands for.

mod control;
mod damage;
mod finished;
mod harness;
mod hostile;
mod inputs;
mod order;
mod plain_runner;
mod preview;
mod progress;
mod resume;
mod scripted_runner;
mod values;
