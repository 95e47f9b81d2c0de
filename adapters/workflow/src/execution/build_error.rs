use std::io;

use autoproc_domain::ports::{AttemptOutcome, StartFault};
use rustix::io::Errno;

use crate::task::TaskError;

const SHORTAGES: [Errno; 5] = [Errno::NOSPC, Errno::DQUOT, Errno::MFILE, Errno::NFILE, Errno::NOMEM];

#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    /// Another try would fail in the same way.
    #[error("{0}")]
    Permanent(String),
    /// A file cannot be read or created. The processed file is not at fault.
    #[error("{message}: {source}")]
    Io { message: String, source: io::Error },
}

impl From<String> for BuildError {
    fn from(message: String) -> Self {
        Self::Permanent(message)
    }
}

impl From<TaskError> for BuildError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Io { path, source } if source.raw_os_error().is_some() => {
                Self::Io { message: format!("cannot read the task file {}", path.display()), source }
            }
            // The file is invalid, not UTF-8, or too large.
            error => Self::Permanent(error.to_string()),
        }
    }
}

impl BuildError {
    pub(super) fn outcome(&self) -> AttemptOutcome {
        let reason = self.to_string().into();
        match self {
            Self::Permanent(_) => AttemptOutcome::Unmet { reason, permanent: true },
            Self::Io { source, .. } => AttemptOutcome::CannotStart { reason, fault: fault_of(source) },
        }
    }
}

fn fault_of(error: &io::Error) -> StartFault {
    let is_shortage = Errno::from_io_error(error).is_some_and(|errno| SHORTAGES.contains(&errno));
    if is_shortage { StartFault::Shortage } else { StartFault::Temporary }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lack_of_space_descriptors_or_memory_is_a_shortage() {
        for errno in SHORTAGES {
            assert_eq!(fault_of(&errno.into()), StartFault::Shortage, "{errno}");
        }
        for errno in [Errno::IO, Errno::ROFS, Errno::ACCESS, Errno::NOTDIR] {
            assert_eq!(fault_of(&errno.into()), StartFault::Temporary, "{errno}");
        }
    }
}
