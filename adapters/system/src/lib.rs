//! Implements the ports of autoproc on top of the operating system.
//!
//! # Theory of operation
//!
//! - [`SystemClock`] is the wall clock.
//! - [`StopWatch`] tells a run to stop after a signal or a request in the stop file.
//! - [`MachineGate`] prevents new attempts while the machine lacks resources.
//! - [`PauseSwitch`] pauses and resumes the commands of a run.
//! - [`EventLog`] writes the events of a run. [`EventLogHistory`] reads the history from that log.
//! - [`StateFile`] writes the state of a run to the state file, and its progress to the monitor
//!   file.
//! - [`write_run_command`] records the command line of a run.
//!
//! The queue is authoritative. The event log, the state file and the monitor file are only reports.
//! They are written without syncs. A failed write causes one warning, and the run continues.
//!
//! # Deliberately absent
//!
//! This crate does not rotate the event log and writes nothing to the terminal.

mod clock;
mod event_line;
mod event_log;
mod history;
mod json_lines;
mod log_copy;
mod machine_gate;
mod monitor_document;
mod observers;
mod path_text;
mod pause_files;
mod pause_switch;
mod replace;
mod run_command;
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
pub use history::{EventLogHistory, RecordedEvents};
pub use json_lines::JsonLines;
pub use log_copy::{EventLogReader, NewEventLog};
pub use machine_gate::{DiskLimit, MachineGate, StartLimits, Unmeasurable};
pub use monitor_document::{MonitorDocument, read_monitor_file};
pub use observers::Observers;
pub use pause_files::PauseFiles;
pub use pause_switch::{PausableGate, PauseReason, PauseSwitch, PauseWatch};
pub use replace::{ReplacedFile, Replacement, creating_folder, nameless_file, replace, replace_durably};
pub use run_command::{RecordedCommand, RunCommand, read_run_command, write_run_command};
pub use signals::{EndSignal, end_by, survive_file_size_limit};
pub use state_document::{StateDocument, StateFileError, read_state_file};
pub use state_file::StateFile;
pub use stop_file::{StandingStop, write_stop_request};
pub use stop_watch::StopWatch;
pub use suspension::Suspension;
pub use warn_once::{OnWarning, WarnOnce};
