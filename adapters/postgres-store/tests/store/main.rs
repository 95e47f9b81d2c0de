//! Tests the store on a real server: the guarantees of the ports, errors, and lost connections.
//!
//! The tests start a private server, which needs the programs `initdb`, `postgres` and `pg_ctl`.
//! They are looked up in the folder `AUTOPROC_TEST_POSTGRES`, in `PATH`, and in
//! `/usr/lib/postgresql`. Without them, the tests are skipped, or fail if
//! `AUTOPROC_REQUIRE_POSTGRES` is 1.
//!
//! The tests behind a pooler also need `pgbouncer`, in `PATH` or in `/usr/sbin`. Without it, they
//! are skipped, or fail if `AUTOPROC_REQUIRE_PGBOUNCER` is 1.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod claim_start;
mod conformance;
mod copies;
mod crowd;
mod errors;
mod executions;
mod history;
mod interleavings;
mod migration;
mod outages;
mod outputs;
mod pooler;
mod pooling;
mod proxy;
mod pruning;
mod queue;
#[expect(dead_code, reason = "the tests of the binary use more of the server")]
mod server;
mod sharing;
mod stopping;
mod tls;
