use autoproc_domain::ports::StorageError;
use autoproc_postgres_store::{Options, PostgresStore};
use autoproc_testkit::block_on;

use crate::queue::{Queue, add, full_text};
use crate::server::PostgresServer;

const PASSWORD: &str = "correct-horse";
const WRONG_PASSWORD: &str = "battery-staple";

fn error_of(options: Options) -> StorageError {
    block_on(PostgresStore::open(options).unwrap().connect()).unwrap_err()
}

fn check_text(error: &StorageError, parts: &[&str]) {
    let text = full_text(error);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    for password in [PASSWORD, WRONG_PASSWORD] {
        assert!(!format!("{text} {error:?}").contains(password), "{text}");
    }
}

fn create_role(queue: &Queue, role: &str, options: &str) {
    queue.execute(&format!("create role {role} login {options}"));
}

fn with_role(queue: &Queue, role: &str) -> String {
    queue.server().address(role, "postgres")
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let error = error_of(Options::parse("host=/absent dbname=queue user=anna password=correct-horse").unwrap());
    assert!(matches!(error, StorageError::Unreachable { .. }), "{error:?}");
    check_text(&error, &["the queue at postgres:///absent", "/queue cannot be reached", "No such file"]);
}

#[test]
fn a_wrong_password_is_named_as_the_cause() {
    let Some(queue) = Queue::create() else { return };
    create_role(&queue, "locked", &format!("password '{PASSWORD}'"));
    let address = with_role(&queue, "locked");
    for (options, next_move) in [
        (queue.options_at(&address).with_password(WRONG_PASSWORD), "check the user and the password"),
        (queue.options_at(&address), "set the password"),
    ] {
        let error = error_of(options);
        assert!(matches!(error, StorageError::Failed { .. }), "{error:?}");
        check_text(&error, &["cannot sign in to postgres://", next_move]);
    }
    queue.execute(&format!(
        "grant all on schema \"{0}\" to locked; grant select on \"{0}\".schema_version to locked",
        queue.schema
    ));
    let right = queue.options_at(&address).with_password(PASSWORD);
    block_on(PostgresStore::open(right).unwrap().connect()).unwrap();
    queue.execute("drop owned by locked; drop role locked");
}

#[test]
fn an_absent_database_must_be_created() {
    let Some(queue) = Queue::create() else { return };
    let error = error_of(queue.options_at(&queue.server().address("postgres", "absent")));
    assert!(matches!(error, StorageError::Failed { .. }), "{error:?}");
    check_text(&error, &["/absent does not exist", "create the database"]);
}

#[test]
fn a_read_only_server_is_not_writable() {
    let Some(queue) = Queue::create() else { return };
    create_role(&queue, "reader", "superuser");
    queue.execute("alter role reader set default_transaction_read_only to on");
    let error = add(&PostgresStore::open(queue.options("reader")).unwrap(), &["/a"]).unwrap_err();
    assert!(matches!(error, StorageError::NotWritable { .. }), "{error:?}");
    check_text(&error, &["read-only", "connect to the primary server"]);
    queue.execute("drop role reader");
}

#[test]
fn missing_rights_are_named() {
    let Some(queue) = Queue::create() else { return };
    create_role(&queue, "stranger", "");
    let error = error_of(queue.options("stranger"));
    assert!(matches!(error, StorageError::NotWritable { .. }), "{error:?}");
    check_text(&error, &["\"stranger\"", "grant this user the rights", &queue.schema]);
    queue.execute("drop role stranger");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let Some(queue) = Queue::create() else { return };
    queue.execute("update schema_version set version = 99");
    let error = error_of(queue.options("postgres"));
    assert!(matches!(&error, StorageError::Unsupported { found, .. } if found == "99"), "{error:?}");
    check_text(&error, &["99", "but this program supports"]);
    assert_eq!(queue.query("select version from schema_version", &[])[0].get::<_, i32>(0), 99);
}

#[test]
fn a_server_that_does_not_sync_is_refused() {
    let Some(server) = PostgresServer::start() else { return };
    let queue = Queue::create_on(Box::leak(Box::new(server)));
    queue.execute("alter system set fsync to off");
    queue.execute("alter system set full_page_writes to off");
    queue.server().control(&["restart", "-w", "-m", "immediate"]);
    let error = error_of(queue.options("postgres"));
    assert!(matches!(error, StorageError::Failed { .. }), "{error:?}");
    check_text(&error, &["could lose acknowledged results", "turn on fsync and full_page_writes"]);
}
