//! `log`: whose output to show, and how.

use std::path::Path;

use super::ItemWord;
use crate::args::LogArgs;
use crate::error::CliError;

/// The output of an attempt, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRequest {
    /// Whose.
    pub(crate) word: ItemWord,
    /// Which attempt's; the latest one's where `None`.
    pub(crate) attempt: Option<u32>,
    /// Whether to go on until the attempt is over.
    pub(crate) follow: bool,
    /// Whether a terminal gets the bytes as they are.
    pub(crate) raw: bool,
}

impl LogRequest {
    /// Understands the words.
    ///
    /// # Errors
    /// [`CliError`] where the item's word can be none.
    pub(crate) fn new(args: &LogArgs, cwd: &Path) -> Result<Self, CliError> {
        let word = ItemWord::parse(&args.item, cwd)?;
        Ok(Self { word, attempt: args.attempt, follow: args.follow, raw: args.raw })
    }
}
