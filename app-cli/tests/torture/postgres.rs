//! A queue in a database, and faults of its server, its runners and their network.
//!
//! Several runs process files, each started again when it has ended, while a command adds further
//! files and the test disturbs them. In the end:
//!
//! - each file whose addition was acknowledged is completed, and no other file is on the queue;
//! - each file was completed once, by the claim that the log of its run names;
//! - no command ever found another one at work on its file;
//! - no process is left.
//!
//! The first two compare the queue with what the processes saw: the exit codes of the
//! additions, and the event logs of the runs, which report a file as completed once the server has
//! acknowledged it. Triggers in the database (`witness`) record the ends of leases, and the
//! settlements, which the queue itself forgets.

mod machines;
mod night;
mod postmaster;
mod promotion;
mod runners;
mod witness;

#[expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
#[expect(dead_code, reason = "the tests of the store use more of the server")]
#[path = "../../../adapters/postgres-store/tests/store/server.rs"]
mod server;
