//! The environment variables of a command.

use std::ffi::OsString;
use std::path::Path;

use autoproc_domain::ports::Attempt;
use autoproc_domain::{FilePath, ItemId, Timestamp};

use crate::subject::relative_path;

/// The variable for the run's id. It also marks the processes of the run; see
/// [`Marker`](crate::process_table::Marker).
pub const RUN_VARIABLE: &str = "AUTOPROC_RUN_ID";

/// The variable for the project folder. It tells the processes of a project from those of a copy of
/// the project, because the copy contains the same run ids.
pub const PROJECT_VARIABLE: &str = "AUTOPROC_PROJECT_DIR";

/// The variable for the run's process number and start time, as in `811:90210`. It identifies a
/// living run even if the run's files in the `runs` folder were removed.
pub(crate) const RUNNER_VARIABLE: &str = "AUTOPROC_RUNNER";

/// The variable for the path of the file.
pub const FILE_VARIABLE: &str = "AUTOPROC_FILE";

/// The variable for the relative path of the file; see [`relative_path`].
pub(crate) const RELATIVE_VARIABLE: &str = "AUTOPROC_REL";

pub(crate) const ITEM_VARIABLE: &str = "AUTOPROC_ITEM_ID";

/// The variable for the number of the slot. Not set for workflow steps.
pub(crate) const SLOT_VARIABLE: &str = "AUTOPROC_SLOT";

/// The variable for the number of the attempt, counted from 1 in each round. A round consists of a
/// first attempt and its retries.
pub const ATTEMPT_VARIABLE: &str = "AUTOPROC_ATTEMPT";

/// The variable for the maximum number of attempts in a round: the first attempt and its retries.
pub const MAX_ATTEMPTS_VARIABLE: &str = "AUTOPROC_MAX_ATTEMPTS";

/// Returns the environment variables that describe an attempt to its command or workflow steps. The
/// attempt times out at `deadline`.
#[must_use]
pub fn attempt_environment(attempt: &Attempt, deadline: Timestamp, project_dir: &Path) -> Vec<(OsString, OsString)> {
    let texts = [
        (RUN_VARIABLE, attempt.run.to_string()),
        (ATTEMPT_VARIABLE, attempt.number.to_string()),
        (MAX_ATTEMPTS_VARIABLE, attempt.max_attempts.to_string()),
        ("AUTOPROC_DEADLINE", deadline.to_string()),
    ];
    let texts = texts.into_iter().map(|(name, value)| (name.into(), value.into()));
    texts.chain(file_environment(attempt.token.item, &attempt.file_path, attempt.depth, project_dir)).collect()
}

/// Returns the environment variables that describe a file: its path, its relative path (see
/// [`relative_path`]), and its item id.
#[must_use]
pub fn file_environment(item: ItemId, file: &FilePath, depth: u8, project_dir: &Path) -> [(OsString, OsString); 3] {
    let relative = relative_path(file, depth, project_dir);
    [
        (FILE_VARIABLE.into(), file.as_os_str().to_owned()),
        (RELATIVE_VARIABLE.into(), relative.as_os_str().to_owned()),
        (ITEM_VARIABLE.into(), item.to_string().into()),
    ]
}
