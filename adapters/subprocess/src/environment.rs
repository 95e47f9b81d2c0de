//! The environment variables that describe an attempt to its command.

use std::ffi::OsString;
use std::path::Path;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::Attempt;

use crate::subject::relative_path;

/// The variable for the run's id. It also marks every process of the run; see
/// [`Marker`](crate::process_table::Marker).
pub const RUN_VARIABLE: &str = "AUTOPROC_RUN_ID";

/// The variable for the project folder. A copy of a project contains the ids of the original's
/// runs; the folder distinguishes the processes of the original from those of the copy.
pub const PROJECT_VARIABLE: &str = "AUTOPROC_PROJECT_DIR";

/// The variable for the process of the run: its number and its start time, as in `811:90210`. It
/// identifies a living run even if the run's files in the `runs` folder were removed.
pub(crate) const RUNNER_VARIABLE: &str = "AUTOPROC_RUNNER";

/// The variable for the path of the file.
pub(crate) const FILE_VARIABLE: &str = "AUTOPROC_FILE";

/// The variable for the file's path below the folder that the file was added from.
pub(crate) const RELATIVE_VARIABLE: &str = "AUTOPROC_REL";

/// The variable for the file's item id in the queue.
pub(crate) const ITEM_VARIABLE: &str = "AUTOPROC_ITEM_ID";

/// The variable for the number of the slot in which a command runs. Steps of workflows do not have
/// this variable.
pub(crate) const SLOT_VARIABLE: &str = "AUTOPROC_SLOT";

/// Returns the variables that describe an attempt to its processes: to a command, or to the steps
/// of a workflow. The attempt times out at `deadline`. `project_dir` is passed to
/// [`relative_path`].
#[must_use]
pub fn attempt_environment(attempt: &Attempt, deadline: Timestamp, project_dir: &Path) -> Vec<(OsString, OsString)> {
    let texts = [
        (ITEM_VARIABLE, attempt.token.item.to_string()),
        (RUN_VARIABLE, attempt.run.to_string()),
        ("AUTOPROC_ATTEMPT", attempt.number.to_string()),
        ("AUTOPROC_MAX_ATTEMPTS", attempt.max_attempts.to_string()),
        ("AUTOPROC_DEADLINE", deadline.to_string()),
    ];
    let relative = relative_path(&attempt.file_path, attempt.depth, project_dir);
    let paths = [(FILE_VARIABLE, attempt.file_path.as_os_str()), (RELATIVE_VARIABLE, relative.as_os_str())];
    let paths = paths.map(|(name, path)| (name.into(), path.to_owned()));
    texts.into_iter().map(|(name, value)| (name.into(), value.into())).chain(paths).collect()
}
