//! Runs the built binary in temporary folders.
//!
//! With few exceptions, tests wait for conditions, not for fixed times.

mod backoff;
mod bad_input;
mod checkpoint;
mod choosing;
mod doctor;
mod documents;
mod execution;
mod explain;
mod failures;
mod figures;
mod fixture;
mod folders;
mod forecast;
mod guards;
mod held;
mod hooks;
mod joblog;
mod json;
mod lacks;
mod ladder;
mod limits;
mod live_view;
mod log;
mod metrics;
mod monitor;
mod newcomers;
mod original_workflows;
mod pause;
mod pause_on_same;
mod placeholders;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod recover;
mod repair;
mod report;
mod report_html;
mod report_trace;
mod resume;
mod run;
mod second_day;
mod stdout_to;
mod stop;
#[cfg(feature = "postgres")]
mod store;
mod surroundings;
mod terminal;
mod time_limit;
mod tmp_dir;
mod tmux;
mod top;
mod trust;
mod until;
mod words;
mod workflow;
mod workflow_init;
