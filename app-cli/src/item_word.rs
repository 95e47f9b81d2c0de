//! Parses an argument that names an item.

use std::ffi::OsStr;
use std::path::Path;

use autoproc_domain::ports::Storage;
use autoproc_domain::rejection::Rejection;
use autoproc_domain::request::Selector;
use autoproc_domain::{FilePath, ItemId, QueueItem};

use crate::context::Context;
use crate::error::CliError;
use crate::{paths, queued_below};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemWord {
    path: FilePath,
    id: Option<ItemId>,
}

impl ItemWord {
    /// Parses a path or an item id.
    ///
    /// # Errors
    /// [`CliError`] if the argument is not a valid path.
    pub(crate) fn parse(word: &OsStr, cwd: &Path) -> Result<Self, CliError> {
        let path = paths::resolve(cwd, Path::new(word))?;
        let digits = word.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        Ok(Self { path, id: digits.and_then(|text| text.parse().ok()).map(ItemId::new) })
    }

    pub(crate) fn id(&self) -> Option<ItemId> {
        self.id
    }

    pub(crate) fn path(&self) -> &FilePath {
        &self.path
    }

    /// Finds the item by its path, or else by its id.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(crate) async fn find(&self, storage: &dyn Storage) -> Result<Option<QueueItem>, CliError> {
        if let Some(item) = storage.find(Selector::Path(self.path.clone())).await? {
            return Ok(Some(item));
        }
        match self.id {
            Some(id) => Ok(storage.find(Selector::Id(id)).await?),
            None => Ok(None),
        }
    }

    /// Returns the error that explains why no item was found.
    pub(crate) async fn not_found(&self, context: &Context) -> CliError {
        if let Err(error) = context.require_queue() {
            return error;
        }
        self.in_folder(context).await.unwrap_or_else(|| self.unknown())
    }

    /// Like [`ItemWord::not_found`], but adds `hint` to the error if the item is unknown.
    pub(crate) async fn not_found_with(&self, hint: String, context: &Context) -> CliError {
        if let Err(error) = context.require_queue() {
            return error;
        }
        self.in_folder(context).await.unwrap_or_else(|| self.unknown().with_hint(hint))
    }

    async fn in_folder(&self, context: &Context) -> Option<CliError> {
        queued_below::one_needed(&self.path, context).await.unwrap_or_else(Some)
    }

    fn unknown(&self) -> CliError {
        let selector = self.id.map_or_else(|| Selector::Path(self.path.clone()), Selector::Id);
        Rejection::NotQueued(selector).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(word: &str) -> Option<u64> {
        ItemWord::parse(OsStr::new(word), Path::new("/a")).expect("a word").id().map(ItemId::get)
    }

    #[test]
    fn only_digits_can_be_a_number() {
        assert_eq!(id("17"), Some(17));
        assert_eq!(id("./17"), None);
        assert_eq!(id("-17"), None);
        assert_eq!(id("17.pdf"), None);
        assert_eq!(id("99999999999999999999999"), None);
    }
}
