//! Compares actual results with expected results.

use std::fmt;

use autoproc_domain::ports::StorageError;
use autoproc_domain::rejection::Rejection;

pub(super) type Check = Result<(), Fault>;

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

pub(super) fn same<T: PartialEq + fmt::Debug>(subject: &str, found: &T, wanted: &T) -> Check {
    if found == wanted {
        return Ok(());
    }
    Err(Fault(format!("{subject}: found {found:?}, expected {wanted:?}")))
}

pub(super) fn holds(statement: &str, is_true: bool) -> Check {
    if is_true { Ok(()) } else { Err(Fault(format!("not true: {statement}"))) }
}

pub(super) fn rejected<T: fmt::Debug>(answer: Result<T, StorageError>, wanted: &Rejection) -> Check {
    match answer {
        Err(StorageError::Rejected(rejection)) => same("the rejection", &rejection, wanted),
        other => Err(Fault(format!("found {other:?}, expected a rejection: {wanted:?}"))),
    }
}

pub(super) fn not_alive<T: fmt::Debug>(answer: Result<T, StorageError>, run: &str) -> Check {
    match answer {
        Err(StorageError::LeaseLost { run: named }) => same("the run named", &named.as_str(), &run),
        other => Err(Fault(format!("found {other:?}, expected the refusal of {run}, which is not alive"))),
    }
}
