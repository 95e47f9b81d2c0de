//! Stores a queue for many machines in PostgreSQL 14 or later.
//!
//! # Theory of operation
//!
//! A file is one row of the table `item`. All tables are in one schema, `autoproc` by default. The
//! times of files and leases come from the server's clock.
//!
//! A store has two connections. The first carries out transactions. The second renews leases and
//! listens for changes. A slow transaction therefore never delays a renewal. One thread of the
//! store owns both connections, so the store works under every executor. Dropping a future does not
//! interrupt its transaction.
//!
//! A store detects a connection pooler. It then uses no prepared statements and receives no
//! notifications.
//!
//! An exchange settles and claims files in one SQL transaction. Its statements are sent without
//! waiting for answers. Other changes, such as additions and cancellations, lock the rows of their
//! files. The domain then changes a small queue of these rows, and the store writes the rows back.
//!
//! The events of a run wait in memory. A task writes each event once, in order. Triggers in the
//! database compute attempts and the counters of runs from the events.
//!
//! | Module | Responsibility |
//! | --- | --- |
//! | `options` | the options of a caller: address, schema, lease |
//! | `address` | the password in an address |
//! | `password_file` | passwords from `~/.pgpass` |
//! | `inspection` | a description of the server for users, and the creation of the schema |
//! | `link` | a connection, direct or through a pooler |
//! | `parameter` | parameters of statements, with their types |
//! | `connection` | the connection for transactions, and its reconnection after a loss |
//! | `migration` | the version of the schema |
//! | `exchange` | exchanges, and the recorded answers to repeated requests |
//! | `change` | the changes that the domain decides |
//! | `reading` | pages, single items, counts |
//! | `runs` | the registry of runs |
//! | `run_places` | the host and the project folder of each run |
//! | `executions` | the journals of workflow executions |
//! | `history` | events, written in the background; attempts, events and runs of the past |
//! | `locked` | locking the queue while it is copied from or to another store |
//! | `stop` | requests to stop runs, and the signal that reports a request to its run |
//! | `lease` | the leases of this process, and their renewal |
//! | `tls` | encrypted connections |
//! | `companion` | the second connection, with its notifications |
//! | `work` | repeating transactions after conflicts and lost connections |
//!
//! ADR 0023 states the design decisions and the guarantees of the SQL. ADR 0026 states the
//! decisions about poolers.

mod address;
mod change;
mod claim_start;
mod companion;
mod connection;
mod error;
mod exchange;
mod executions;
mod history;
mod inspection;
mod item_row;
mod lease;
mod link;
mod locked;
mod migration;
mod options;
mod parameter;
mod password_file;
mod reading;
mod run_places;
mod runs;
mod scopes;
mod stop;
mod store;
mod tls;
mod work;

pub use executions::{ExecutionJournal, RecordingClaim};
pub use history::{HistorySize, OutputEnd, PostgresEventLog, StoredOutput};
pub use inspection::{Inspection, Migrated};
pub use link::{Route, StatementPooling};
pub use locked::{CopiedExecution, CopiedOutput, LockedQueue};
pub use migration::SchemaError;
pub use options::{InvalidAddress, Options};
pub use password_file::PasswordFileError;
pub use run_places::RunPlace;
pub use stop::{PostgresStopSignal, StopTarget};
pub use store::PostgresStore;
