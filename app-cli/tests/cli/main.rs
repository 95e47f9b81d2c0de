//! The built binary, run as by a person or a script, in temporary folders.
//!
//! Every test states a promise of the command line: output on each stream, exit code, and files on
//! disk. Tests wait for conditions. A test waits for a span of time only if the span itself is
//! tested: a suspension longer than the timeout (`ladder`), old output (`log`), a crash test of
//! some seconds (`doctor`).

mod backoff;
mod bad_input;
mod checkpoint;
mod choosing;
mod doctor;
mod documents;
mod execution;
mod failures;
mod figures;
mod fixture;
mod folders;
mod forecast;
mod guards;
mod held;
mod json;
mod lacks;
mod ladder;
mod limits;
mod live_view;
mod log;
mod monitor;
mod newcomers;
mod original_workflows;
mod pause;
mod placeholders;
mod queue;
mod recover;
mod repair;
mod report;
mod resume;
mod run;
mod second_day;
mod stdout_to;
mod stop;
mod surroundings;
mod terminal;
mod tmp_dir;
mod trust;
mod words;
mod workflow;
mod workflow_init;
