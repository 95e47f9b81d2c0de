//! Splits and quotes the words of a command line.

use std::ffi::{OsStr, OsString};
use std::mem;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// The command line up to the cursor, without the name of the program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) before: Vec<OsString>,
    /// The word at the cursor; may be empty.
    pub(super) current: OsString,
    /// The number of bytes of the current word that bash does not replace.
    pub(super) kept: usize,
    /// The open quote at the cursor. Always `None` in zsh and fish.
    pub(super) open: Option<u8>,
}

impl Typed {
    pub(super) fn words(&self) -> impl Iterator<Item = OsString> + '_ {
        self.before.iter().chain([&self.current]).cloned()
    }

    /// True if `--` precedes the current word.
    pub(super) fn is_escaped(&self) -> bool {
        self.before.iter().any(|word| word == "--")
    }

    /// True if the current word is an option, or the beginning of one.
    pub(super) fn is_option(&self) -> bool {
        self.current.as_encoded_bytes().starts_with(b"-") && !self.is_escaped()
    }

    /// Returns the last value of an option before the cursor, with a leading `~/` replaced.
    pub(super) fn value_of(&self, option: &str) -> Option<PathBuf> {
        let words: Vec<_> = self.before.iter().take_while(|word| *word != "--").collect();
        let value = words.iter().enumerate().rev().find_map(|(index, word)| {
            let rest = word.as_encoded_bytes().strip_prefix(option.as_bytes())?;
            match rest {
                [] => words.get(index + 1).map(|value| (*value).clone()),
                [b'=', value @ ..] => Some(OsString::from_vec(value.to_vec())),
                _ => None,
            }
        });
        value.map(|value| home_expanded(&value))
    }
}

/// Replaces a leading `~/` with the home folder, as the shell will do.
pub(super) fn home_expanded(path: &OsStr) -> PathBuf {
    let below = path.as_encoded_bytes().strip_prefix(b"~/");
    match (below, std::env::home_dir()) {
        (Some(below), Some(home)) => home.join(OsString::from_vec(below.to_vec())),
        _ => PathBuf::from(path),
    }
}

/// The quoting rules of a shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Between single quotes, a backslash is literal.
    Posix,
    /// Between single quotes, a backslash escapes a quote or a backslash.
    Fish,
}

/// Returns one word without its quotes. The word may end inside a quote.
pub(super) fn unquoted(raw: &[u8], quotes: Quotes) -> OsString {
    let (words, _) = split_at(raw, quotes, false);
    OsString::from_vec(words.into_iter().next().unwrap_or_default())
}

/// Splits a line into words. Also returns the quote that is still open.
pub(super) fn split(line: &[u8]) -> (Vec<OsString>, Option<u8>) {
    let (words, open) = split_at(line, Quotes::Posix, true);
    (words.into_iter().map(OsString::from_vec).collect(), open)
}

/// Quotes a value for bash. `open` is the open quote before the value.
///
/// Each `!` is placed outside double quotes, because bash would expand it inside.
pub(super) fn quoted(value: &[u8], open: Option<u8>) -> Vec<u8> {
    let quoted = value.iter().enumerate().map(|(at, byte)| match (open, *byte) {
        (Some(b'\''), b'\'') => br"'\''".to_vec(),
        (Some(b'"'), b'!') => br#""\!""#.to_vec(),
        (Some(b'"'), byte) if b"\"\\$`".contains(&byte) => vec![b'\\', byte],
        (None, b'\n') => b"$'\\n'".to_vec(),
        (None, b'~') if at == 0 => vec![b'~'],
        (None, byte) if !is_plain(byte) => vec![b'\\', byte],
        (_, byte) => vec![byte],
    });
    quoted.flatten().collect()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"/._-+,@%".contains(&byte)
}

fn split_at(line: &[u8], quotes: Quotes, at_blanks: bool) -> (Vec<Vec<u8>>, Option<u8>) {
    let (mut words, mut word, mut open) = (Vec::new(), Vec::new(), None);
    let mut is_in_word = false;
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let is_blank = at_blanks && open.is_none() && byte.is_ascii_whitespace();
        match byte {
            _ if is_blank && is_in_word => words.push(mem::take(&mut word)),
            _ if is_blank => {}
            b'\\' if bytes.peek().is_none_or(|next| is_escape(open, *next, quotes)) => word.extend(bytes.next()),
            b'\'' | b'"' if open == Some(byte) => open = None,
            b'\'' | b'"' if open.is_none() => open = Some(byte),
            _ => word.push(byte),
        }
        is_in_word = !is_blank;
    }
    words.push(word);
    (words, open)
}

fn is_escape(open: Option<u8>, next: u8, quotes: Quotes) -> bool {
    match open {
        None => true,
        Some(b'"') => matches!(next, b'"' | b'\\' | b'$' | b'`'),
        Some(_) => quotes == Quotes::Fish && matches!(next, b'\'' | b'\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line.as_bytes()).0.into_iter().map(|word| word.into_string().expect("text")).collect()
    }

    fn word(raw: &str, quotes: Quotes) -> String {
        unquoted(raw.as_bytes(), quotes).into_string().expect("text")
    }

    #[test]
    fn a_line_is_split_as_by_a_shell() {
        assert_eq!(words("autoproc  queue show "), ["autoproc", "queue", "show", ""]);
        assert_eq!(words(r"a b\ c 'd e'f"), ["a", "b c", "d ef"]);
        assert_eq!(words(r#"a "b \" \d"#), ["a", r#"b " \d"#]);
        assert_eq!(words(r"a 'it'\''s"), ["a", "it's"]);
        assert_eq!(words(r"a b\"), ["a", "b"]);
        assert_eq!(words("a ''"), ["a", ""]);
    }

    #[test]
    fn a_word_may_have_an_open_quote() {
        assert_eq!(word(r#""a b"#, Quotes::Posix), "a b");
        assert_eq!(word(r"'a\'", Quotes::Posix), r"a\");
        assert_eq!(word(r"'it\'s a", Quotes::Fish), "it's a");
        assert_eq!(word(r"a\ b c", Quotes::Fish), "a b c");
    }

    #[test]
    fn a_quoted_word_is_read_back() {
        for value in ["a b", "it's", "say \"hi\"", "cost $5 `x`", r"back\slash", "a:b=c;d&(e)", "[x]*?", "-d!", "größe"]
        {
            for open in [None, Some(b'\''), Some(b'"')] {
                let start = open.map_or_else(Vec::new, |quote| vec![quote]);
                let line = [b"x ".to_vec(), start, quoted(value.as_bytes(), open)].concat();
                assert_eq!(split(&line), (vec!["x".into(), value.into()], open));
            }
        }
    }

    #[test]
    fn the_history_is_not_expanded() {
        assert_eq!(quoted(b"wow!.pdf", Some(b'"')), br#"wow"\!".pdf"#);
        assert_eq!(quoted(b"wow!.pdf", None), br"wow\!.pdf");
    }

    #[test]
    fn the_last_value_of_an_option_counts() {
        let before = ["--project-dir", "a", "--project-dir=b", "queue"].map(OsString::from).to_vec();
        let typed = Typed { before, ..Typed::default() };
        assert_eq!(typed.value_of("--project-dir"), Some(PathBuf::from("b")));
        assert_eq!(typed.value_of("--workflow-dir"), None);
    }
}
