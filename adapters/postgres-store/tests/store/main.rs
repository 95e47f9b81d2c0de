//! Tests the store on a real PostgreSQL server.
//!
//! The tests look for `initdb`, `postgres` and `pg_ctl` in three places: `AUTOPROC_TEST_POSTGRES`,
//! `PATH` and `/usr/lib/postgresql`. Without these programs, the tests are skipped. If
//! `AUTOPROC_REQUIRE_POSTGRES` is 1, the tests fail instead.
//!
//! The pooler tests need `pgbouncer` in `PATH` or `/usr/sbin`. Without `pgbouncer`, these tests are
//! skipped. If `AUTOPROC_REQUIRE_PGBOUNCER` is 1, they fail instead.
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
