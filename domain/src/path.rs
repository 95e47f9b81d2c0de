//! The paths of queued files. They are normalised without file system access.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The maximum length of a path, in bytes: Linux's `PATH_MAX` (`limits.h`) without the final NUL.
/// No system call accepts a longer path.
pub const MAX_PATH_BYTES: usize = 4095;

/// An absolute, lexically normalised path of at most [`MAX_PATH_BYTES`], without a NUL byte.
///
/// The path need not be UTF-8. Paths are compared byte by byte, so `.`, `..` and redundant slashes
/// are removed. Symbolic links are not resolved, because their targets may change. Clones share the
/// bytes.
///
/// Stored as an `OsStr`, because `Path` compares and hashes component by component. That would be
/// the largest cost of a queue of a million paths.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(Arc<OsStr>);

/// The reason why a path cannot be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPath {
    /// The path is empty.
    #[error("the path is empty")]
    Empty,
    /// The path is relative to the current folder.
    #[error("the path is relative")]
    Relative,
    /// The path contains a NUL byte.
    #[error("the path contains a NUL byte")]
    Nul,
    /// The path is longer than [`MAX_PATH_BYTES`].
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
}

impl FilePath {
    /// Validates an absolute path, and lexically removes `.`, `..` and redundant slashes.
    ///
    /// # Errors
    /// [`InvalidPath`] if the path is empty, relative, contains a NUL byte, or is too long.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, InvalidPath> {
        let path = path.as_ref();
        let bytes = path.as_os_str().as_encoded_bytes();
        match bytes.len() {
            0 => return Err(InvalidPath::Empty),
            length if length > MAX_PATH_BYTES => return Err(InvalidPath::TooLong),
            _ => {}
        }
        if bytes.contains(&0) {
            return Err(InvalidPath::Nul);
        }
        if !path.is_absolute() {
            return Err(InvalidPath::Relative);
        }
        Ok(Self(if is_normal(bytes) { path.as_os_str().into() } else { normalise(path).as_os_str().into() }))
    }

    /// Validates a path. A relative path is resolved against `base`, which must be absolute.
    ///
    /// # Errors
    /// [`InvalidPath`] in the same cases as for [`FilePath::new`].
    pub fn resolve(base: &Path, path: &Path) -> Result<Self, InvalidPath> {
        if path.as_os_str().is_empty() {
            return Err(InvalidPath::Empty);
        }
        if path.is_absolute() { Self::new(path) } else { Self::new(base.join(path)) }
    }

    /// Returns the path, for opening the file.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Returns the path as Unicode text. If the path is not UTF-8, the text is lossy. In this case,
    /// [`exact_hex`](Self::exact_hex) must be stored too.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.0.to_string_lossy()
    }

    /// Returns the bytes in hexadecimal if [`text`](Self::text) is lossy; `None` otherwise.
    #[must_use]
    pub fn exact_hex(&self) -> Option<String> {
        self.0.to_str().is_none().then(|| to_hex(self.0.as_bytes()))
    }

    /// Rebuilds a path from [`text`](Self::text) and [`exact_hex`](Self::exact_hex). If the two
    /// differ because a person has edited `text`, `text` wins. A relative path is resolved against
    /// `base`, which must be absolute.
    ///
    /// # Errors
    /// [`InvalidPath`] in the same cases as for [`FilePath::new`].
    pub fn from_text(text: &str, exact_hex: Option<&str>, base: &Path) -> Result<Self, InvalidPath> {
        let exact = exact_hex.and_then(from_hex).filter(|bytes| String::from_utf8_lossy(bytes) == text);
        match exact {
            Some(bytes) => Self::resolve(base, Path::new(OsStr::from_bytes(&bytes))),
            None => Self::resolve(base, Path::new(text)),
        }
    }

    /// Returns the last `count` components of the path, or all if there are fewer. For a file
    /// `count` levels below a folder, the result is the path relative to that folder.
    #[must_use]
    pub fn last_components(&self, count: u8) -> &Path {
        let bytes = self.0.as_bytes();
        let slashes = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
        let start = slashes.map(|(at, _)| at + 1).nth(usize::from(count).saturating_sub(1));
        let last = &bytes[start.unwrap_or(1)..];
        Path::new(OsStr::from_bytes(if count == 0 { &[] } else { last }))
    }

    /// Returns the path as an `OsStr`.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }
}

/// True if the character must be escaped on a terminal. These are control characters (C0, C1, DEL),
/// bidirectional controls (UAX #9), and line and paragraph separators.
#[must_use]
pub fn is_unprintable(character: char) -> bool {
    let is_bidirectional =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_bidirectional || matches!(character, '\u{2028}' | '\u{2029}')
}

fn to_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let value = |digit: char| u8::try_from(digit.to_digit(16)?).ok();
    let digits = hex.chars().map(value).collect::<Option<Vec<u8>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high * 16 + low).collect())
}

/// False if the path may need normalisation.
fn is_normal(bytes: &[u8]) -> bool {
    let is_suspect = |pair: &[u8]| pair[0] == b'/' && matches!(pair[1], b'/' | b'.');
    !bytes.windows(2).any(is_suspect) && (bytes.len() == 1 || bytes.last() != Some(&b'/'))
}

fn normalise(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(clean.pop()),
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => clean.push(component),
        }
    }
    clean
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Escapes unprintable characters, so that a file name cannot control a terminal. Lossy if the path
/// is not UTF-8.
impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string_lossy().chars() {
            if is_unprintable(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolved(base: &str, path: &str) -> String {
        FilePath::resolve(Path::new(base), Path::new(path)).unwrap().to_string()
    }

    #[test]
    fn resolving_is_lexical() {
        assert_eq!(resolved("/home/a", "./b//c/../d.pdf"), "/home/a/b/d.pdf");
        assert_eq!(resolved("/home/a", "/x/../../y"), "/y");
        assert_eq!(resolved("/home/a", "../../../z"), "/z");
        assert_eq!(resolved("/home/a", "-n"), "/home/a/-n");
        assert_eq!(resolved("/home/a", "b/"), "/home/a/b");
        assert_eq!(resolved("/home/a", ".hidden/..x"), "/home/a/.hidden/..x");
        assert_eq!(resolved("/", "."), "/");
    }

    #[test]
    fn the_last_components_are_a_relative_path() {
        let last = |path: &str, count| FilePath::new(path).unwrap().last_components(count).to_owned();
        for (count, expected) in
            [(0, ""), (1, "d.e"), (2, "c/d.e"), (3, "a b/c/d.e"), (4, "a b/c/d.e"), (255, "a b/c/d.e")]
        {
            assert_eq!(last("/a b/c/d.e", count), Path::new(expected), "{count}");
        }
        assert_eq!(last("/", 1), Path::new(""));
        assert_eq!(last("/\u{e9}/\n", 2), Path::new("\u{e9}/\n"));
    }

    #[test]
    fn unusable_paths_are_refused() {
        assert_eq!(FilePath::new(""), Err(InvalidPath::Empty));
        assert_eq!(FilePath::resolve(Path::new("/a"), Path::new("")), Err(InvalidPath::Empty));
        assert_eq!(FilePath::new("a"), Err(InvalidPath::Relative));
        assert_eq!(FilePath::new("/a\0b"), Err(InvalidPath::Nul));
        assert_eq!(FilePath::new("/".to_owned() + &"x".repeat(MAX_PATH_BYTES)), Err(InvalidPath::TooLong));
        assert!(FilePath::new("/".to_owned() + &"x".repeat(MAX_PATH_BYTES - 1)).is_ok());
    }

    #[test]
    fn display_cannot_steer_a_terminal() {
        assert_eq!(FilePath::new("/a\u{1b}[2J\nb").unwrap().to_string(), "/a\\u{1b}[2J\\nb");
        assert_eq!(FilePath::new("/a\u{202e}fdp.exe").unwrap().to_string(), "/a\\u{202e}fdp.exe");
        assert_eq!(FilePath::new("/\u{5e9}\u{5dc}").unwrap().to_string(), "/\u{5e9}\u{5dc}");
    }

    #[test]
    fn text_that_a_person_has_changed_wins_over_the_bytes() {
        let path = FilePath::new(OsStr::from_bytes(b"/a\xff")).unwrap();
        let hex = path.exact_hex();
        assert_eq!(hex.as_deref(), Some("2f61ff"));
        let base = Path::new("/base");
        assert_eq!(FilePath::from_text(&path.text(), hex.as_deref(), base), Ok(path));
        assert_eq!(FilePath::from_text("/b", hex.as_deref(), base), FilePath::new("/b"));
        assert_eq!(FilePath::from_text("b", Some("2f6"), base), FilePath::new("/base/b"));
    }

    proptest! {
        #[test]
        fn text_and_bytes_together_name_the_path(bytes in prop::collection::vec(1..=255_u8, 0..40)) {
            let path = FilePath::new(OsStr::from_bytes(&[b"/", bytes.as_slice()].concat())).unwrap();
            prop_assert_eq!(path.exact_hex().is_none(), std::str::from_utf8(path.as_os_str().as_bytes()).is_ok());
            let read = FilePath::from_text(&path.text(), path.exact_hex().as_deref(), Path::new("/"));
            prop_assert_eq!(read, Ok(path));
        }
    }
}
