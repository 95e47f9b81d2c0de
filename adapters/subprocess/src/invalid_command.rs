//! Why a command line cannot be run on any file.

/// The command is invalid; the message is for the person who entered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCommand {
    /// It has no program.
    #[error("the command is empty")]
    Empty,
    /// It contains a NUL byte, which ends every argument.
    #[error("the command holds a NUL byte")]
    Nul,
    /// A shell command without a placeholder ends in this operator, so that an appended path would
    /// not be an argument.
    #[error("the shell command names no file, and a path cannot be appended to {0:?}: say where it goes with {{}}")]
    NowhereToAppend(char),
}
