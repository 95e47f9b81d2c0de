//! The environment variables that describe an attempt to its command.

use std::ffi::OsString;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::Attempt;

/// The variable for the run's id. It also marks every process of the run; see
/// [`Marker`](crate::process_table::Marker).
pub(crate) const RUN_VARIABLE: &str = "AUTOPROC_RUN_ID";

/// The variable for the path of the file.
pub(crate) const FILE_VARIABLE: &str = "AUTOPROC_FILE";

/// Returns the variables that describe an attempt to its processes: to a command, or to the steps
/// of a workflow. The attempt times out at `deadline`.
#[must_use]
pub fn attempt_environment(attempt: &Attempt, deadline: Timestamp) -> Vec<(OsString, OsString)> {
    let texts = [
        ("AUTOPROC_ITEM_ID", attempt.token.item.to_string()),
        (RUN_VARIABLE, attempt.run.to_string()),
        ("AUTOPROC_ATTEMPT", attempt.number.to_string()),
        ("AUTOPROC_MAX_ATTEMPTS", attempt.max_attempts.to_string()),
        ("AUTOPROC_DEADLINE", deadline.to_string()),
    ];
    let file = (FILE_VARIABLE.into(), attempt.file_path.as_os_str().to_owned());
    texts.into_iter().map(|(name, value)| (name.into(), value.into())).chain([file]).collect()
}
