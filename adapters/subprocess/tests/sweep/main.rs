//! Tests sweeps of dead runs with real processes.

mod fixture;
mod killed_guards;
mod living_guards;
mod other_processes;
mod tmp_dirs;
