//! A path in a JSON document, where only Unicode can stand.

use std::path::Path;

use autoproc_domain::FilePath;
use serde::{Deserialize, Serialize};

/// A path as text; where its bytes are not UTF-8 the text only resembles it, and the bytes stand beside it in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathText {
    pub(crate) file_path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file_path_bytes: Option<String>,
}

impl From<&FilePath> for PathText {
    fn from(path: &FilePath) -> Self {
        Self { file_path: path.text().into_owned(), file_path_bytes: path.exact_hex() }
    }
}

impl PathText {
    /// The path; `None` where what was read is none. What this program writes is absolute, so the root is base enough.
    pub(crate) fn path(&self) -> Option<FilePath> {
        FilePath::from_text(&self.file_path, self.file_path_bytes.as_deref(), Path::new("/")).ok()
    }
}
