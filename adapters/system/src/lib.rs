//! Implements the ports of autoproc with the operating system: wall clock, stop signal, start gate,
//! and the observers that write files.
//!
//! # Theory of operation
//!
//! - [`SystemClock`] is the wall clock.
//! - [`StopWatch`] derives a stop level from the stop file and from signals. Two threads observe;
//!   one pure function decides. [`write_stop_request`] writes the stop file.
//! - [`MachineGate`] delays new starts while the disk is nearly full or the load is too high.
//! - [`Suspension`] calls back when this process is suspended and continued, at Ctrl-Z and
//!   `fg`. [`PauseSwitch`] pauses what a run supervises and shuts its start gate, while the process
//!   itself continues; [`PauseWatch`] obeys a request in a file of [`PauseFiles`].
//! - [`EventLog`] appends the events of a run to a log of [`JsonLines`]; [`EventLogHistory`] reads
//!   the history from it. [`StateFile`] keeps the processor's state in a small file;
//!   [`read_state_file`] reads it. [`Observers`] passes each event to several observers.
//!
//! The log and the state file are reports; the queue is authoritative. Neither is synced, and a
//! failure to write one never fails a file: it is reported once, and the run continues.
//!
//! # Deliberately absent
//!
//! Rotation of the event log; output to the terminal; the paths of the files, which the caller
//! chooses.

mod clock;
mod event_line;
mod event_log;
mod history;
mod json_lines;
mod machine_gate;
mod observers;
mod path_text;
mod pause_files;
mod pause_switch;
mod replace;
mod signals;
mod state_document;
mod state_file;
mod stop_decision;
mod stop_file;
mod stop_watch;
mod suspension;
mod warn_once;

pub use clock::SystemClock;
pub use event_log::EventLog;
pub use history::EventLogHistory;
pub use json_lines::JsonLines;
pub use machine_gate::{LoadUnknown, MachineGate, StartLimits};
pub use observers::Observers;
pub use pause_files::PauseFiles;
pub use pause_switch::{PausableGate, PauseReason, PauseSwitch, PauseWatch};
pub use replace::{creating_folder, replace};
pub use signals::{EndSignal, end_by, survive_file_size_limit};
pub use state_document::{StateDocument, StateFileError, read_state_file};
pub use state_file::StateFile;
pub use stop_file::{StandingStop, write_stop_request};
pub use stop_watch::StopWatch;
pub use suspension::Suspension;
pub use warn_once::{OnWarning, WarnOnce};
