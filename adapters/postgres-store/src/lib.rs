//! The `Storage`, `Runs`, `StopSignal` and `History` ports on PostgreSQL 14 or later, for a queue
//! that many machines share.
//!
//! # Theory of operation
//!
//! A file is one row of the table `item`; the tables are in one schema, `autoproc` by default. The
//! times of files and leases come from the server's clock. A store has two connections: one for
//! transactions, and one that renews leases and listens for changes, so that a slow transaction
//! never delays a renewal. One thread of the store owns both. The futures of a store therefore work
//! under every executor, and dropping a future does not interrupt its transaction. A connection
//! through a pooler is detected. It uses no prepared statements and does not listen for
//! notifications, and each transaction applies the settings of the store again.
//!
//! An exchange settles and claims files in SQL, as one pipelined transaction: enter, settle, claim,
//! finish, commit. Other changes, such as additions and cancellations, lock the rows that they
//! concern. The domain then carries out the request on a small queue of these rows, and the changed
//! rows are written back.
//!
//! The events of a run wait in memory until a task writes them, in order, and each event once.
//! Triggers in the database derive the attempts and the counters of runs that the history returns.
//! The last bytes of each attempt's output are written in the same way, after the events.
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
