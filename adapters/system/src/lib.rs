//! The system behind four ports of autoproc: the clock, the stop signal, the start gate, and the observers that write files.
//!
//! # Theory of operation
//!
//! - [`SystemClock`] is the wall clock.
//! - [`StopWatch`] turns the stop file and signals into a stop level. What follows from what was seen is one pure function;
//!   two threads do the seeing. [`write_stop_request`] is the other side: it writes the stop file.
//! - [`MachineGate`] holds new starts back while the disk is nearly full or the machine too busy.
//! - [`Suspension`] has what we supervise stop and go on with us, at Ctrl-Z and `fg`.
//! - [`EventLog`] appends what a run does to a log, one JSON document a line; [`StateFile`] keeps a small file that says
//!   how the processor is, and [`read_state_file`] reads it. [`Observers`] tells several observers the same.
//!   [`read_attempts`] finds what the log knows of one file.
//!
//! The log and the state file are for people and their programs. The queue's truth is in neither of them, so neither is
//! synced, and a failure to write one never fails a file: it is told once and the run goes on.
//!
//! # Deliberately absent
//!
//! Rotating the event log, printing, and the places of the files: whoever wires the program says where.

mod attempt_history;
mod clock;
mod event_line;
mod event_log;
mod machine_gate;
mod observers;
mod path_text;
mod replace;
mod signals;
mod state_document;
mod state_file;
mod stop_decision;
mod stop_file;
mod stop_watch;
mod suspension;

pub use attempt_history::{PastAttempt, PastEnd, read_attempts};
pub use clock::SystemClock;
pub use event_log::EventLog;
pub use machine_gate::{LoadUnknown, MachineGate, StartLimits};
pub use observers::Observers;
pub use state_document::{StateDocument, StateFileError, read_state_file};
pub use state_file::StateFile;
pub use stop_file::write_stop_request;
pub use stop_watch::StopWatch;
pub use suspension::Suspension;

/// Is told, once, when something that must not fail a run cannot be done.
pub type OnTrouble = Box<dyn Fn(&str) + Send + Sync>;
