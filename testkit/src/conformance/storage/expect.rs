//! How a check says what it found.

use std::fmt;

use autoproc_domain::ports::StorageError;
use autoproc_domain::rejection::Rejection;

/// What a check comes to.
pub(super) type Check = Result<(), Fault>;

/// What was found in place of what was wanted.
#[derive(Debug)]
pub(super) struct Fault(String);

impl Fault {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self(format!("the store failed: {error} ({error:?})"))
    }
}

/// Demands that two values are equal.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, found: &T, wanted: &T) -> Check {
    if found == wanted {
        return Ok(());
    }
    Err(Fault(format!("{what}: found {found:?}, wanted {wanted:?}")))
}

/// Demands that something is so.
pub(super) fn holds(what: &str, is_so: bool) -> Check {
    if is_so { Ok(()) } else { Err(Fault(format!("not so: {what}"))) }
}

/// Demands this refusal by the rules, by value.
pub(super) fn rejected<T: fmt::Debug>(answer: Result<T, StorageError>, wanted: &Rejection) -> Check {
    match answer {
        Err(StorageError::Rejected(rejection)) => same("the rejection", &rejection, wanted),
        other => Err(Fault(format!("found {other:?}, wanted a rejection: {wanted:?}"))),
    }
}
