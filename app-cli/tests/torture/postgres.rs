//! Tests of a queue in a database under faults of the server, the runners and the network.
//!
//! Several runs process files, and each run is restarted when it ends. Meanwhile a command adds
//! files, and the test causes faults. At the end, the test checks that:
//!
//! - each file whose addition was acknowledged is completed, and the queue has no other file;
//! - each file was completed once, by the claim in the event log;
//! - no two commands ever worked on the same file at the same time;
//! - no process of the runs is left.
//!
//! Triggers in the database (`witness`) record when each lease ended and which claim ended each
//! file.

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
