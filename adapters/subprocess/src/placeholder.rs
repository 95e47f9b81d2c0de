//! Templates with placeholders, as in fd and GNU parallel.
//!
//! Templates are bytes, because file names may be invalid UTF-8.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::subject::Subject;

/// A placeholder for a part of a file's path or for a number.
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
    /// `{rel}`: the path relative to the added folder.
    Relative,
    /// `{#}`: the file's item id.
    Item,
    /// `{%}`: the number of the attempt's slot.
    Slot,
}

impl Placeholder {
    pub(crate) const ALL: [Self; 8] = [
        Self::Path,
        Self::Basename,
        Self::Parent,
        Self::WithoutExtension,
        Self::Stem,
        Self::Relative,
        Self::Item,
        Self::Slot,
    ];

    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Path => "{}",
            Self::Basename => "{/}",
            Self::Parent => "{//}",
            Self::WithoutExtension => "{.}",
            Self::Stem => "{/.}",
            Self::Relative => "{rel}",
            Self::Item => "{#}",
            Self::Slot => "{%}",
        }
    }

    /// True if the placeholder stands for the file's path or a part of it.
    pub(crate) const fn names_file(self) -> bool {
        !matches!(self, Self::Item | Self::Slot)
    }

    pub(crate) fn at_start_of(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|placeholder| text.starts_with(placeholder.token().as_bytes()))
    }

    /// Returns the value of the placeholder. Without an item id, `{#}` stands for itself.
    pub(crate) fn value(self, subject: Subject<'_>) -> Cow<'_, OsStr> {
        let path = subject.path;
        let part = match self {
            Self::Path => path.as_os_str(),
            Self::Basename => path.file_name().unwrap_or(path.as_os_str()),
            Self::Parent => parent(path),
            Self::WithoutExtension => without_extension(path),
            Self::Stem => path.file_stem().unwrap_or(path.as_os_str()),
            Self::Relative => subject.relative.as_os_str(),
            Self::Item => return number(subject.item.map_or(self.token().to_owned(), |item| item.to_string())),
            Self::Slot => return number(subject.slot.to_string()),
        };
        Cow::Borrowed(part)
    }
}

fn number(text: String) -> Cow<'static, OsStr> {
    Cow::Owned(text.into())
}

fn parent(path: &Path) -> &OsStr {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => OsStr::new("."),
        Some(parent) => parent.as_os_str(),
        None => path.as_os_str(),
    }
}

fn without_extension(path: &Path) -> &OsStr {
    let (Some(name), Some(stem)) = (path.file_name(), path.file_stem()) else { return path.as_os_str() };
    let bytes = path.as_os_str().as_bytes();
    // The path may end in `/` or `/.` after its last component.
    let name_end = (name.len()..=bytes.len()).rev().find(|end| bytes[..*end].ends_with(name.as_bytes()));
    let stem_end = name_end.unwrap_or(bytes.len()) - (name.len() - stem.len());
    OsStr::from_bytes(&bytes[..stem_end])
}

/// The text of each placeholder, such as `{rel}`.
pub const PLACEHOLDERS: [&str; 8] = {
    let mut tokens = [""; 8];
    let mut index = 0;
    while index < tokens.len() {
        tokens[index] = Placeholder::ALL[index].token();
        index += 1;
    }
    tokens
};

/// The maximum length of an unknown placeholder. A longer text is probably a name, for instance a
/// GUID.
const MAX_UNKNOWN_BYTES: usize = 16;

/// Returns the texts in braces that look like placeholders but are unknown, in the order of their
/// occurrence. Such a text has at most 16 characters: ASCII letters, digits, blanks, and the
/// characters `_./#%+-`. Skips braces after `$` or a backslash, because they belong to a shell.
#[must_use]
pub fn unknown_placeholders(text: &OsStr) -> Vec<&str> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_ ./#%+-".contains(byte);
    let (mut unknown, mut rest, mut before) = (Vec::new(), text.as_bytes(), None);
    while let Some((first, others)) = rest.split_first() {
        let length = others.iter().take_while(|byte| is_part(byte)).count();
        let is_closed = *first == b'{' && others.get(length) == Some(&b'}');
        let is_literal = matches!(before, Some(b'$' | b'\\'));
        if is_closed && !is_literal && length <= MAX_UNKNOWN_BYTES && Placeholder::at_start_of(rest).is_none() {
            unknown.extend(std::str::from_utf8(&rest[..length + 2]).ok());
        }
        (before, rest) = (Some(*first), others);
    }
    unknown
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Placeholder(Placeholder),
}

impl Template {
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

    pub(crate) fn text(&self) -> Vec<u8> {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(placeholder) => placeholder.token().as_bytes().to_vec(),
        };
        self.0.iter().flat_map(text).collect()
    }

    pub(crate) fn names_file(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Placeholder(placeholder) if placeholder.names_file()))
    }

    pub(crate) fn is_per_file(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Placeholder(placeholder) if *placeholder != Placeholder::Slot))
    }

    pub(crate) fn depends_on_slot(&self) -> bool {
        self.0.contains(&Part::Placeholder(Placeholder::Slot))
    }

    pub(crate) fn fill(&self, subject: Subject<'_>) -> OsString {
        let mut bytes = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => bytes.extend(text),
                Part::Placeholder(placeholder) => bytes.extend(placeholder.value(subject).as_bytes()),
            }
        }
        OsString::from_vec(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_braces_that_are_no_placeholders_are_found() {
        for (text, expected) in [
            ("{reel}/{x}", &["{reel}", "{x}"][..]),
            ("{{rl}}", &["{rl}"]),
            ("{ rel }{..}{/..}", &["{ rel }", "{..}", "{/..}"]),
            ("{}{/}{//}{.}{/.}{rel}{#}{%}", &[]),
            ("${reel} \\{reel} {a,b} {\"a\":1} {reel {é} {3F2504E0-4F89-41D3}", &[]),
        ] {
            assert_eq!(unknown_placeholders(OsStr::new(text)), expected, "{text}");
        }
        assert_eq!(PLACEHOLDERS[5], "{rel}");
    }
}
