//! Quotes words for a shell.

use std::ffi::OsStr;
use std::path::Path;

use crate::escape::Shown;

const PLAIN: &str = "_-./:=,+@%";

pub(crate) fn quoted(word: &str) -> String {
    quoted_unless(word, PLAIN)
}

/// Quotes a path for a suggested command. Puts `./` before a leading dash.
pub(crate) fn quoted_path(path: &Path) -> String {
    let shown = Shown(path).to_string();
    if shown.starts_with('-') { quoted(&format!("./{shown}")) } else { quoted(&shown) }
}

/// Quotes one word of a command template. Placeholders need no quotes.
pub(crate) fn quoted_template(word: &str) -> String {
    quoted_unless(word, "_-./:=,+@%${}")
}

fn quoted_unless(word: &str, plain: &str) -> String {
    if !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || plain.contains(c)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Quotes a word for a shell without changing its bytes.
pub(crate) fn quoted_bytes(word: &OsStr) -> Vec<u8> {
    let bytes = word.as_encoded_bytes();
    if bytes.iter().any(u8::is_ascii_control) {
        let escaped = bytes.iter().flat_map(|byte| escaped(*byte));
        return b"$'".iter().copied().chain(escaped).chain(*b"'").collect();
    }
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || PLAIN.as_bytes().contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return bytes.to_owned();
    }
    let parts: Vec<_> = bytes.split(|byte| *byte == b'\'').collect();
    [b"'".as_slice(), &parts.join(b"'\\''".as_slice()), b"'"].concat()
}

fn escaped(byte: u8) -> Vec<u8> {
    match byte {
        b'\n' => b"\\n".to_vec(),
        b'\t' => b"\\t".to_vec(),
        b'\'' | b'\\' => vec![b'\\', byte],
        // Always three octal digits: with fewer, a digit that follows would become part of the
        // number.
        _ if byte.is_ascii_control() => format!("\\{byte:03o}").into_bytes(),
        _ => vec![byte],
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_path_can_be_pasted() {
        for (path, expected) in
            [("/in/a.txt", "/in/a.txt"), ("my file", "'my file'"), ("-n", "./-n"), ("a\tb", r"'a\tb'")]
        {
            assert_eq!(quoted_path(Path::new(path)), expected);
        }
    }

    #[test]
    fn bytes_are_quoted_on_one_line() {
        for (word, expected) in [
            (&b"/in/a.txt"[..], &b"/in/a.txt"[..]),
            (b"", b"''"),
            (b"it's $x", b"'it'\\''s $x'"),
            (b"\xff", b"'\xff'"),
            (b"a\n\tb'\\\x1b1", b"$'a\\n\\tb\\'\\\\\\0331'"),
        ] {
            assert_eq!(quoted_bytes(OsStr::from_bytes(word)), expected, "{}", word.escape_ascii());
        }
    }
}
