//! The system behind three ports of autoproc: the clock, the stop signal, and the observers that write files.
//!
//! # Theory of operation
//!
//! - [`SystemClock`] is the wall clock.
//! - [`StopWatch`] turns the stop file and signals into a stop level. What follows from what was seen is one pure function;
//!   two threads do the seeing. [`write_stop_request`] is the other side: it writes the stop file.
//! - [`EventLog`] appends what a run does to a log, one JSON document a line; [`StateFile`] keeps a small file that says
//!   how the processor is, and [`read_state_file`] reads it. [`Observers`] tells several observers the same.
//!
//! The log and the state file are for people and their programs. The queue's truth is in neither of them, so neither is
//! synced, and a failure to write one never fails a file: it is told once and the run goes on.
//!
//! # Deliberately absent
//!
//! Reading the event log, rotating it, printing, and the places of the files: whoever wires the program says where.

mod clock;
mod event_line;
mod event_log;
mod observers;
mod path_text;
mod replace;
mod state_document;
mod state_file;
mod stop_decision;
mod stop_file;
mod stop_watch;

pub use clock::SystemClock;
pub use event_log::EventLog;
pub use observers::Observers;
pub use state_document::{StateDocument, StateFileError, read_state_file};
pub use state_file::StateFile;
pub use stop_file::write_stop_request;
pub use stop_watch::StopWatch;

/// Is told, once, when something that must not fail a run cannot be done.
pub type OnTrouble = Box<dyn Fn(&str) + Send + Sync>;
