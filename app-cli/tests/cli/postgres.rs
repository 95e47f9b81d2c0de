//! Tests the queue on a PostgreSQL server.
//!
//! Without PostgreSQL, the tests are skipped.

mod bad_days;
mod copies;
mod database;
mod explain;
mod hooks;
mod machines;
mod many_machines;
mod mapping;
mod network;
mod nights;
mod outputs;
mod pooling;
mod pruning;
mod secrets;
mod sharing;
mod top;
mod workflows;

#[expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
#[expect(dead_code, reason = "the tests of the store use more of the server")]
#[path = "../../../adapters/postgres-store/tests/store/server.rs"]
mod server;

#[expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
#[expect(dead_code, reason = "the tests of the store use more of the pooler")]
#[path = "../../../adapters/postgres-store/tests/store/pooler.rs"]
mod pooler;
