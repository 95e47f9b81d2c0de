//! Maps PostgreSQL errors to storage errors. No error text contains a password.

use autoproc_domain::RunId;
use autoproc_domain::ports::{Cause, StorageError};
use autoproc_domain::rejection::Rejection;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::options::Options;

const NOT_ALIVE: &str = "AP001";
const REPEATED: &str = "AP002";

#[derive(Debug)]
pub(crate) enum Fault {
    Sql(Error),
    Storage(StorageError),
}

pub(crate) type Answer<T> = Result<T, Fault>;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        Self::Storage(rejection.into())
    }
}

impl Fault {
    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Sql(error) => error.code(),
            Self::Storage(_) => None,
        }
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        matches!(self, Self::Sql(error) if error.as_db_error().is_some_and(|error| error.message().contains(text)))
    }

    pub(crate) fn is_not_alive(&self) -> bool {
        self.code().is_some_and(|code| code.code() == NOT_ALIVE)
    }

    pub(crate) fn is_repeated(&self) -> bool {
        self.code().is_some_and(|code| code.code() == REPEATED)
    }

    /// True if the transaction must be repeated after a conflict.
    pub(crate) fn is_conflict(&self) -> bool {
        let conflicts = [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
        self.code().is_some_and(|code| conflicts.contains(code))
    }

    /// True if the connection is lost. The transaction may be committed.
    pub(crate) fn is_unreachable(&self) -> bool {
        match self {
            Self::Sql(error) => error.code().map_or_else(|| error.is_closed() || is_io(error), is_outage),
            Self::Storage(error) => matches!(error, StorageError::Unreachable { .. }),
        }
    }

    pub(crate) fn into_storage(self, options: &Options) -> StorageError {
        let error = match self {
            Self::Storage(error) => return error,
            Self::Sql(error) => error,
        };
        let place = options.place();
        let Some(code) = error.code().cloned() else {
            return without_code(error, place);
        };
        match code {
            ref code if is_outage(code) => StorageError::Unreachable { place, source: cause(error) },
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => failed(
                format!("cannot sign in to {place} as {:?}: check the user and the password", options.user()),
                error,
            ),
            SqlState::INVALID_CATALOG_NAME => {
                failed(format!("{place} does not exist: create the database, for instance with createdb"), error)
            }
            SqlState::READ_ONLY_SQL_TRANSACTION => {
                not_writable(format!("{place}, which is read-only: connect to the primary server"), error)
            }
            SqlState::INSUFFICIENT_PRIVILEGE => not_writable(
                format!("{place} as {:?}: grant this user the rights on the schema {}", options.user(), options.schema),
                error,
            ),
            SqlState::DISK_FULL => StorageError::Full(cause(error)),
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
                StorageError::Damaged { place, detail: cause(error).to_string() }
            }
            SqlState::LOCK_NOT_AVAILABLE => StorageError::Busy { holder: format!("another session of {place}") },
            _ => failed(format!("the queue at {place} failed"), error),
        }
    }
}

pub(crate) fn lease_lost(run: &RunId) -> StorageError {
    StorageError::LeaseLost { run: run.clone() }
}

fn without_code(error: Error, place: String) -> StorageError {
    // The error of a refused connection has no code, and `is_closed` is false for it.
    if error.is_closed() || is_io(&error) || is_connect(&error) {
        return StorageError::Unreachable { place, source: cause(error) };
    }
    if is_encryption(&error) {
        return failed(
            format!("cannot encrypt the connection to {place}: check sslmode and the certificate of the server"),
            error,
        );
    }
    if is_configuration(&error) {
        return failed(format!("cannot sign in to {place}: check the address, and set the password"), error);
    }
    failed(format!("the queue at {place} failed"), error)
}

fn failed(action: String, error: Error) -> StorageError {
    StorageError::Failed { action, source: cause(error) }
}

fn not_writable(place: String, error: Error) -> StorageError {
    StorageError::NotWritable { place, source: cause(error) }
}

/// The error's own text may be only `db error`.
fn cause(error: Error) -> Cause {
    let text = error.to_string();
    error.into_source().unwrap_or_else(|| text.into())
}

/// True if the network failed. TLS reports rejected messages as `InvalidData`.
fn is_io(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(<dyn std::error::Error>::downcast_ref::<std::io::Error>);
    source.is_some_and(|source| !is_encryption(error) || source.kind() != std::io::ErrorKind::InvalidData)
}

fn is_encryption(error: &Error) -> bool {
    error.to_string().starts_with("error performing TLS handshake")
}

fn is_connect(error: &Error) -> bool {
    let text = error.to_string();
    text.starts_with("error connecting to server") || text.starts_with("timeout waiting for server")
}

fn is_configuration(error: &Error) -> bool {
    error.to_string() == "invalid configuration"
}

fn is_outage(code: &SqlState) -> bool {
    let outages = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    outages.contains(code) || code.code().starts_with("08")
}
