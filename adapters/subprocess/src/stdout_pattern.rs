//! The pattern for the paths of output files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::placeholder::Template;
use crate::result_owners::ResultOwners;
use crate::subject::Subject;

/// A path for output files, with the placeholders of [`CommandLine`](crate::CommandLine).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StdoutPattern(Template);

/// The reason why a text is not a valid pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// The pattern contains a NUL byte.
    #[error("it contains a NUL byte")]
    Nul,
    /// The pattern ends in a slash.
    #[error("it names a folder")]
    Folder,
    /// The path of the output file does not depend on the input file. The path may depend on the
    /// slot.
    #[error("it has no placeholder that differs from file to file")]
    SameForAll,
    /// The pattern is `{}`.
    #[error("it is the path of the input file")]
    Input,
}

impl StdoutPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] if the pattern contains a NUL byte, ends in a slash, is `{}`, or does not
    /// depend on the input file.
    pub fn parse(text: &OsStr) -> Result<Self, InvalidPattern> {
        let (bytes, template) = (text.as_bytes(), Template::parse(text));
        match bytes {
            _ if bytes.contains(&0) => Err(InvalidPattern::Nul),
            b"{}" => Err(InvalidPattern::Input),
            _ if bytes.ends_with(b"/") => Err(InvalidPattern::Folder),
            _ if !template.is_per_file() => Err(InvalidPattern::SameForAll),
            _ => Ok(Self(template)),
        }
    }

    /// Fills in the placeholders for a file. A relative result is resolved against `folder`.
    #[must_use]
    pub fn path_for(&self, subject: Subject<'_>, folder: &Path) -> PathBuf {
        folder.join(self.0.fill(subject))
    }

    /// True if the path depends on the slot of the attempt. A later attempt on the same file may
    /// then write to another path.
    #[must_use]
    pub fn depends_on_slot(&self) -> bool {
        self.0.depends_on_slot()
    }
}

/// The settings for keeping the standard output of commands in files.
#[derive(Debug, Clone)]
pub struct StdoutTo {
    /// The pattern for the path of each output file.
    pub pattern: StdoutPattern,
    /// The absolute path of the folder that relative paths are resolved against.
    pub folder: PathBuf,
    /// Exit statuses that count as success, in addition to 0.
    pub ok_exits: Vec<i32>,
    /// Maps each output file to the input file that it belongs to. May include output files of
    /// earlier runs.
    pub owners: Arc<ResultOwners>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_needs_a_part_that_differs_from_file_to_file() {
        let parse = |text: &str| StdoutPattern::parse(OsStr::new(text)).map(drop);
        for good in ["out/{rel}", "{.}.txt", "{#}", "out/{}", "{%}/{/}"] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
        assert_eq!(parse("out.txt"), Err(InvalidPattern::SameForAll));
        assert_eq!(parse("out{%}"), Err(InvalidPattern::SameForAll));
        assert_eq!(parse(""), Err(InvalidPattern::SameForAll));
        assert_eq!(parse("out/{//}/"), Err(InvalidPattern::Folder));
        assert_eq!(parse("{}"), Err(InvalidPattern::Input));
        assert_eq!(parse("{/}\0"), Err(InvalidPattern::Nul));
    }
}
