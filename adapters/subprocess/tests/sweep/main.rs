//! Sweeps of dead runs, with real processes.

mod killed_guards;
mod living_guards;
mod scene;
mod strangers;
