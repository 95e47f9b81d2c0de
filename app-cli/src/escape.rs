//! Escapes untrusted text for a terminal.

use std::fmt;
use std::path::Path;
use std::str;

use autoproc_domain::path::is_unprintable;

/// A text that is printed with each character escaped that [`is_unprintable`].
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, &[], f)
    }
}

/// Returns a value, whose text may come from a file, with each character escaped that
/// [`is_unprintable`].
pub(crate) fn printable(value: &impl fmt::Display) -> String {
    Printable(&value.to_string()).to_string()
}

/// A path that is printed like the domain's paths.
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(&self.0.to_string_lossy()).fmt(f)
    }
}

/// Escapes each character that [`is_unprintable`] in a stream of bytes, except line ends and tabs. Invalid UTF-8
/// becomes the replacement character. A character that is split between two pieces is printed with
/// the second one.
#[derive(Debug, Default)]
pub(crate) struct Escaper {
    rest: Vec<u8>,
}

impl Escaper {
    pub(crate) fn escape(&mut self, piece: &[u8]) -> String {
        self.rest.extend_from_slice(piece);
        let bytes = std::mem::take(&mut self.rest);
        let whole = bytes.len() - unfinished(&bytes);
        self.rest = bytes[whole..].to_vec();
        let mut safe = String::with_capacity(whole);
        // Writing to a string cannot fail.
        let _ = escape(&String::from_utf8_lossy(&bytes[..whole]), &['\n', '\t'], &mut safe);
        safe
    }
}

/// Returns the number of bytes at the end that begin an incomplete character: at most three (RFC
/// 3629).
fn unfinished(bytes: &[u8]) -> usize {
    let is_begun = |length: &usize| {
        let tail = &bytes[bytes.len() - length..];
        str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(3)).find(is_begun).unwrap_or(0)
}

/// Writes text with each character escaped that [`is_unprintable`], except those in `kept`.
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
        let shown = Escaper::default().escape("a\u{1b}[2J\tb\r\n\u{9b}5A\u{7f}".as_bytes());
        assert_eq!(shown, "a\\u{1b}[2J\tb\\r\n\\u{9b}5A\\u{7f}");
    }

    #[test]
    fn pieces_may_cut_characters_anywhere() {
        let text = "aé€𝄞\u{1b}b".as_bytes();
        let whole = Escaper::default().escape(text);
        for cut in 0..=text.len() {
            let mut escaper = Escaper::default();
            let first = escaper.escape(&text[..cut]);
            assert_eq!(first + &escaper.escape(&text[cut..]), whole, "cut at {cut}");
        }
        assert_eq!(Escaper::default().escape(b"\xff\xc3x"), "\u{fffd}\u{fffd}x");
    }
}
