//! `log`: which output to show, and how.

use std::path::Path;

use super::ItemWord;
use crate::args::LogArgs;
use crate::error::CliError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRequest {
    pub(crate) word: ItemWord,
    /// The number of the round; the current one if `None`.
    pub(crate) round: Option<u32>,
    /// The number of the attempt in its round; the latest if `None`.
    pub(crate) attempt: Option<u32>,
    /// True to follow the log until the attempt ends.
    pub(crate) follow: bool,
    /// True to print unchanged bytes on a terminal.
    pub(crate) raw: bool,
}

impl LogRequest {
    /// Validates the arguments.
    ///
    /// # Errors
    /// [`CliError`] if the argument names no item.
    pub(crate) fn new(args: &LogArgs, cwd: &Path) -> Result<Self, CliError> {
        let word = ItemWord::parse(&args.item, cwd)?;
        Ok(Self { word, round: args.round, attempt: args.attempt, follow: args.follow, raw: args.raw })
    }
}
