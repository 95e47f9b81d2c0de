//! Text that came from elsewhere, made harmless for the terminal it is shown on.

use std::fmt;
use std::path::Path;
use std::str;

/// Text in a line of ours: every control character is escaped.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, &[], f)
    }
}

/// A path in a line of ours, shown as the domain shows its paths.
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(&self.0.to_string_lossy()).fmt(f)
    }
}

/// Escapes control characters in a stream of bytes, but for line ends and tabs. Bytes that are not UTF-8 become the
/// replacement character. A character cut in two by the end of a piece waits for the next one.
#[derive(Debug, Default)]
pub(crate) struct Escaper {
    rest: Vec<u8>,
}

impl Escaper {
    /// The next piece, to print.
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

/// How many bytes at the end are the beginning of a character: at most three (RFC 3629).
fn unfinished(bytes: &[u8]) -> usize {
    let is_begun = |length: &usize| {
        let tail = &bytes[bytes.len() - length..];
        str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(3)).find(is_begun).unwrap_or(0)
}

/// Writes text with its control characters escaped, but for those in `kept`.
fn escape(text: &str, kept: &[char], to: &mut impl fmt::Write) -> fmt::Result {
    text.chars().try_for_each(|character| {
        if character.is_control() && !kept.contains(&character) {
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
