//! The error for an invalid command line.

/// The command is invalid; the message is for the user who entered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCommand {
    /// The command has no program.
    #[error("the command is empty")]
    Empty,
    /// The command contains a NUL byte.
    #[error("the command contains a NUL byte")]
    Nul,
    /// The shell command has no placeholder for the file, and no path can follow its last
    /// character.
    #[error(
        "the shell command has no placeholder for the file, and the path cannot be appended after {0:?}: write {{}} where the path belongs"
    )]
    NowhereToAppend(char),
}
