//! The placeholders of a command line, as fd and GNU parallel have them, and templates that hold them.
//!
//! Everything here works on bytes: a file's name need not be UTF-8, and what stands around a placeholder neither.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// A part of a file's path that a command line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Placeholder {
    /// `{}`: the path.
    Path,
    /// `{/}`: its last component.
    Basename,
    /// `{//}`: the folder it lies in.
    Parent,
    /// `{.}`: the path without the extension.
    WithoutExtension,
    /// `{/.}`: the last component without the extension.
    Stem,
}

impl Placeholder {
    pub(crate) const ALL: [Self; 5] = [Self::Path, Self::Basename, Self::Parent, Self::WithoutExtension, Self::Stem];

    /// How it is written.
    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Path => "{}",
            Self::Basename => "{/}",
            Self::Parent => "{//}",
            Self::WithoutExtension => "{.}",
            Self::Stem => "{/.}",
        }
    }

    /// The one that `text` begins with. No token is the beginning of another, so there is at most one.
    pub(crate) fn at_start_of(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|placeholder| text.starts_with(placeholder.token().as_bytes()))
    }

    /// What it stands for. A path without a last component (`/`, `..`) is its own basename and stem, and a path without
    /// a folder lies in `.`, except `/`, which is its own.
    pub(crate) fn of(self, path: &Path) -> &OsStr {
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

/// The path up to and with its stem, spelled as it was.
fn without_extension(path: &Path) -> &OsStr {
    let (Some(name), Some(stem)) = (path.file_name(), path.file_stem()) else { return path.as_os_str() };
    let bytes = path.as_os_str().as_bytes();
    // Only slashes and dots between slashes can follow the last component.
    let name_end = (name.len()..=bytes.len()).rev().find(|end| bytes[..*end].ends_with(name.as_bytes()));
    let stem_end = name_end.unwrap_or(bytes.len()) - (name.len() - stem.len());
    OsStr::from_bytes(&bytes[..stem_end])
}

/// One argument of a command line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Placeholder(Placeholder),
}

impl Template {
    /// Braces that are no placeholder stand as they are.
    pub(crate) fn parse(argument: &OsStr) -> Self {
        let (mut parts, mut text) = (Vec::new(), Vec::new());
        let mut rest = argument.as_bytes();
        while let Some((first, behind)) = rest.split_first() {
            if let Some(placeholder) = Placeholder::at_start_of(rest) {
                parts.extend([Part::Text(std::mem::take(&mut text)), Part::Placeholder(placeholder)]);
                rest = &rest[placeholder.token().len()..];
            } else {
                text.push(*first);
                rest = behind;
            }
        }
        parts.push(Part::Text(text));
        Self(parts)
    }

    pub(crate) fn has_placeholder(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Placeholder(_)))
    }

    /// The argument for one file.
    pub(crate) fn fill(&self, path: &Path) -> OsString {
        let bytes = self.0.iter().flat_map(|part| match part {
            Part::Text(text) => text.as_slice(),
            Part::Placeholder(placeholder) => placeholder.of(path).as_bytes(),
        });
        OsString::from_vec(bytes.copied().collect())
    }
}
