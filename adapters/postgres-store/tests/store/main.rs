//! The store on a real server: the ports' guarantees, errors, lost connections.
//!
//! The tests start a server of their own, which needs the programs `initdb`, `postgres` and
//! `pg_ctl`. They are looked for in the folder `AUTOPROC_TEST_POSTGRES`, in `PATH`, and in
//! `/usr/lib/postgresql`. If they are absent, the tests are left out, or fail if
//! `AUTOPROC_REQUIRE_POSTGRES` is 1.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod conformance;
mod crowd;
mod errors;
mod migration;
mod outages;
mod proxy;
mod queue;
mod server;
mod sharing;
mod stopping;
