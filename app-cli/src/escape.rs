//! Escapes untrusted text for a terminal.

use std::fmt;
use std::path::Path;
use std::str;

use autoproc_domain::path::is_unprintable;

/// Displays a text with its unprintable characters escaped (see [`is_unprintable`]).
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, &[], f)
    }
}

pub(crate) fn printable(value: &impl fmt::Display) -> String {
    Printable(&value.to_string()).to_string()
}

/// Displays a path with its unprintable characters escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(&self.0.to_string_lossy()).fmt(f)
    }
}

/// Returns bytes as text. Escapes unprintable characters, except line feeds and tabs.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut safe = String::with_capacity(bytes.len());
    // Writing to a string cannot fail.
    let _ = escape(&String::from_utf8_lossy(bytes), &['\n', '\t'], &mut safe);
    safe
}

/// Returns the length of an incomplete UTF-8 character at the end of `bytes`.
pub(crate) fn unfinished(bytes: &[u8]) -> usize {
    let is_begun = |length: &usize| {
        let tail = &bytes[bytes.len() - length..];
        str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(3)).find(is_begun).unwrap_or(0)
}

fn escape(text: &str, kept: &[char], to: &mut impl fmt::Write) -> fmt::Result {
    text.chars().try_for_each(|character| {
        if is_unprintable(character) && !kept.contains(&character) {
            write!(to, "{}", character.escape_default())
        } else {
            to.write_char(character)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        let shown = escaped("a\u{1b}[2J\tb\r\n\u{9b}5A\u{7f}".as_bytes());
        assert_eq!(shown, "a\\u{1b}[2J\tb\\r\n\\u{9b}5A\\u{7f}");
        assert_eq!(escaped(b"\xff\xc3x"), "\u{fffd}\u{fffd}x");
    }

    #[test]
    fn a_character_that_is_cut_is_unfinished() {
        for character in ["a", "é", "€", "𝄞"] {
            for cut in 1..character.len() {
                assert_eq!(unfinished(&[b"x", &character.as_bytes()[..cut]].concat()), cut);
            }
            assert_eq!(unfinished(character.as_bytes()), 0);
        }
    }
}
