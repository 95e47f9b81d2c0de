//! The errors of a command line that cannot be run on any file.

/// The command is invalid; the message is for the user who entered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCommand {
    /// The command has no program.
    #[error("the command is empty")]
    Empty,
    /// The command contains a NUL byte, which would end an argument early.
    #[error("the command contains a NUL byte")]
    Nul,
    /// The shell command has no placeholder for the file, and ends in this operator or backslash.
    /// So no path can be appended as an argument.
    #[error(
        "the shell command has no placeholder for the file, and a path cannot follow {0:?} at its end: write {{}} where the path belongs"
    )]
    NowhereToAppend(char),
}
