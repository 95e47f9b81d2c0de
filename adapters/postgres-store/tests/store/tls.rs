#![cfg(feature = "tls")]

use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Storage, StorageError};
use autoproc_postgres_store::{Options, PostgresStore};
use autoproc_testkit::block_on;

use crate::queue::{Queue, ended, full_text};
use crate::server::{PostgresServer, certificate};

fn create() -> Option<Queue> {
    PostgresServer::start_encrypted().map(|server| Queue::create_on(Box::leak(Box::new(server))))
}

fn options(queue: &Queue, host: &str, mode: &str) -> Options {
    let port = queue.server().port();
    queue.options_at(&format!("host={host} hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres {mode}"))
}

fn error_of(options: Options) -> StorageError {
    block_on(PostgresStore::open(options).unwrap().connect()).unwrap_err()
}

#[test]
fn both_connections_are_encrypted_if_the_server_offers_it() {
    let Some(queue) = create() else { return };
    let never = Duration::from_secs(100_000);
    for (name, mode) in [("default", ""), ("prefer", "sslmode=prefer"), ("require", "sslmode=require")] {
        let options = options(&queue, "localhost", &format!("{mode} application_name={name}"));
        let store = Arc::new(PostgresStore::open(options.with_poll_interval(never)).unwrap());
        block_on(store.connect()).unwrap();
        let waiting = Arc::clone(&store);
        // The first wait connects, and therefore ends at once.
        assert!(ended(move || block_on(waiting.changed())).is_some(), "{name}");
        let encrypted = "select s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid)
                         where a.application_name = $1";
        let encrypted: Vec<bool> = queue.query(encrypted, &[&name]).iter().map(|row| row.get(0)).collect();
        assert_eq!(encrypted, [true, true], "{name}");
    }
    let error = error_of(options(&queue, "localhost", "sslmode=disable"));
    assert!(full_text(&error).contains("no encryption"), "{error:?}");
}

#[test]
fn a_server_is_verified_by_its_name_and_its_authority() {
    let Some(queue) = create() else { return };
    let verified =
        |host, authority| options(&queue, host, "sslmode=verify-full").with_root_certificates(certificate(authority));
    block_on(PostgresStore::open(verified("localhost", "authority.pem")).unwrap().connect()).unwrap();
    for (host, authority, reason) in [
        ("elsewhere", "authority.pem", "not valid for name"),
        ("localhost", "other_authority.pem", "invalid peer certificate"),
        ("localhost", "absent.pem", "No such file"),
        ("localhost", "server.key", "no CA certificate"),
    ] {
        let error = error_of(verified(host, authority));
        assert!(matches!(error, StorageError::Failed { .. }), "{error:?}");
        assert!(full_text(&error).contains(reason), "{}", full_text(&error));
    }
    // The system does not trust the authority of this test.
    let error = error_of(options(&queue, "localhost", "sslmode=verify-full"));
    assert!(matches!(error, StorageError::Failed { .. }), "{error:?}");
}
