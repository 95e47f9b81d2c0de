//! Templates with placeholders, which are the same as in fd and GNU parallel.
//!
//! Works on bytes: neither a file's name nor the text around a placeholder must be valid UTF-8.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// A part of a file's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Placeholder {
    /// `{}`: the whole path.
    Path,
    /// `{/}`: the last component of the path.
    Basename,
    /// `{//}`: the parent folder of the path.
    Parent,
    /// `{.}`: the path without the extension.
    WithoutExtension,
    /// `{/.}`: the last component without the extension.
    Stem,
}

impl Placeholder {
    pub(crate) const ALL: [Self; 5] = [Self::Path, Self::Basename, Self::Parent, Self::WithoutExtension, Self::Stem];

    /// Returns the notation of the placeholder.
    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Path => "{}",
            Self::Basename => "{/}",
            Self::Parent => "{//}",
            Self::WithoutExtension => "{.}",
            Self::Stem => "{/.}",
        }
    }

    /// Returns the placeholder at the beginning of `text`. No token is a prefix of another one, so
    /// there is at most one.
    pub(crate) fn at_start_of(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|placeholder| text.starts_with(placeholder.token().as_bytes()))
    }

    /// Returns the value of the placeholder for a path. A path without a last component (`/`, `..`)
    /// is its own basename and stem. The parent of a path without a folder is `.`; the parent of
    /// `/` is `/`.
    pub(crate) fn value(self, path: &Path) -> &OsStr {
        match self {
            Self::Path => path.as_os_str(),
            Self::Basename => path.file_name().unwrap_or(path.as_os_str()),
            Self::Parent => parent(path),
            Self::WithoutExtension => without_extension(path),
            Self::Stem => path.file_stem().unwrap_or(path.as_os_str()),
        }
    }
}

fn parent(path: &Path) -> &OsStr {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => OsStr::new("."),
        Some(parent) => parent.as_os_str(),
        None => path.as_os_str(),
    }
}

/// Returns the path without the extension of its last component.
fn without_extension(path: &Path) -> &OsStr {
    let (Some(name), Some(stem)) = (path.file_name(), path.file_stem()) else { return path.as_os_str() };
    let bytes = path.as_os_str().as_bytes();
    // Only `/` and `/.` can follow the last component.
    let name_end = (name.len()..=bytes.len()).rev().find(|end| bytes[..*end].ends_with(name.as_bytes()));
    let stem_end = name_end.unwrap_or(bytes.len()) - (name.len() - stem.len());
    OsStr::from_bytes(&bytes[..stem_end])
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Placeholder(Placeholder),
}

impl Template {
    /// Parses an argument. Braces that are not a placeholder are kept.
    pub(crate) fn parse(argument: &OsStr) -> Self {
        let (mut parts, mut text) = (Vec::new(), Vec::new());
        let mut rest = argument.as_bytes();
        while let Some((first, others)) = rest.split_first() {
            if let Some(placeholder) = Placeholder::at_start_of(rest) {
                parts.extend([Part::Text(std::mem::take(&mut text)), Part::Placeholder(placeholder)]);
                rest = &rest[placeholder.token().len()..];
            } else {
                text.push(*first);
                rest = others;
            }
        }
        parts.push(Part::Text(text));
        Self(parts)
    }

    pub(crate) fn has_placeholder(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Placeholder(_)))
    }

    pub(crate) fn fill(&self, path: &Path) -> OsString {
        let bytes = self.0.iter().flat_map(|part| match part {
            Part::Text(text) => text.as_slice(),
            Part::Placeholder(placeholder) => placeholder.value(path).as_bytes(),
        });
        OsString::from_vec(bytes.copied().collect())
    }
}
