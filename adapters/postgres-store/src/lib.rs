//! The `Storage`, `Runs` and `StopSignal` ports on PostgreSQL 14 or later, for a queue that many
//! machines share.
//!
//! # Theory of operation
//!
//! A file is one row of the table `item`; the tables are in one schema, `autoproc` by default. All
//! times come from the server's clock. A store has two connections: one for transactions, and one
//! that renews leases and listens for changes, so that a slow transaction never delays a renewal.
//! Both belong to a thread of the store. The futures of a store therefore work under every
//! executor, and dropping a future does not interrupt its transaction.
//!
//! An exchange decides in SQL. It is sent as one pipelined transaction: enter, settle, claim,
//! finish, commit. All other changes lock the rows that they concern, let the domain decide on a
//! small queue of these rows, and write the changed rows back.
//!
//! | Module | Responsibility |
//! | --- | --- |
//! | `options` | what a caller chooses: address, schema, lease |
//! | `connection` | connecting, and reconnecting after a loss |
//! | `migration` | the version of the schema |
//! | `exchange` | exchanges, and the answers of repeated ones |
//! | `change` | the changes that the domain decides |
//! | `reading` | pages, single items, counts |
//! | `runs` | the registry of runs |
//! | `stop` | requests to stop, and the signal of a run |
//! | `lease` | the leases of this process, and their renewal |
//! | `companion` | the second connection, with its notifications |
//! | `work` | repeating transactions after conflicts and lost connections |
//!
//! ADR 0023 states the decisions and what the SQL promises.

mod change;
mod companion;
mod connection;
mod error;
mod exchange;
mod item_row;
mod lease;
mod migration;
mod options;
mod reading;
mod runs;
mod scopes;
mod stop;
mod store;
mod work;

pub use options::{InvalidAddress, Options};
pub use stop::{PostgresStopSignal, StopTarget};
pub use store::PostgresStore;
