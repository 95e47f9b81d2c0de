//! Replaces the varying parts of an error line with marks such as `{n}`.

use super::own_names::{QUOTES, is_part_of_path};
use crate::failure;

/// Words that precede a code, as in `status 1` or `utf-8`.
const BEFORE_CODES: [&str; 8] = ["status", "signal", "code", "errno", "exit", "http", "utf", "latin"];

/// Word endings that precede an HTTP or compiler error code.
const BEFORE_ERROR_CODES: [&str; 4] = ["error", "code", "returned", "response"];

const MAX_CODE_DIGITS: usize = 3;

/// The maximum length of a compiler's error code, such as `TS2304`.
const MAX_ERROR_CODE_BYTES: usize = 6;

/// Names with digits that stay unmasked.
const NAMES: [&str; 16] = [
    "x264", "x265", "h264", "h265", "mp3", "mp4", "m4a", "utf8", "base64", "bzip2", "sha1", "sha256", "md5", "python3",
    "int32", "int64",
];

/// Shapes of identifiers, and their marks. `h` is a hexadecimal digit.
const SHAPES: [(&str, &str); 2] = [("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "{uuid}"), ("hh:hh:hh:hh:hh:hh", "{mac}")];

const TEMPORARY: [&str; 2] = ["/tmp/", "/var/tmp/"];

/// Special characters that a quoted name may contain.
const IN_NAMES: &str = "_-.:/+*#@%$&=?!()<>{}[]\\";

/// Words that precede quoted input data.
const BEFORE_DATA: [&str; 4] = ["near", "token", "string", "input"];

const MIN_SENTENCE_WORDS: usize = 3;

/// Git abbreviates its hashes to seven digits.
const MIN_HEX_DIGITS: usize = 7;

const MIN_ID_BYTES: usize = 6;

/// The minimum number of changes between letters and digits.
const MIN_ID_CHANGES: usize = 3;

const MAX_UNIT_LETTERS: usize = 3;

const NUMBER: &str = "{n}";

const TEXT: &str = "{text}";

const PATH: &str = "{path}";

/// Replaces control characters and invalid UTF-8.
const BINARY: char = char::REPLACEMENT_CHARACTER;

const SCHEME_END: &str = "://";

/// Separators between numbers, as in a date or a version.
const JOINERS: &[char] = &[' ', '-', ':', '.', ',', '/', '+'];

const MAX_JOINERS: usize = 2;

/// Replaces the varying parts of a text with marks. The function is idempotent.
pub(super) fn masked(text: &str) -> String {
    in_plain(&without_binary(&plain(text)))
}

fn in_plain(text: &str) -> String {
    let out = String::with_capacity(text.len());
    let mut masker = Masker { rest: text, out, word: String::new(), unclosed: Vec::new() };
    while let Some(first) = masker.rest.chars().next() {
        masker.step(first);
    }
    masker.out
}

fn plain(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let length = if first == '\u{1b}' { escape_length(rest) } else { first.len_utf8() };
        rest = &rest[length..];
        if first.is_whitespace() {
            out.push_str(if out.is_empty() || out.ends_with(' ') { "" } else { " " });
        } else if first != '\u{1b}' {
            out.push(if first.is_control() { BINARY } else { first });
        }
    }
    out
}

fn without_binary(text: &str) -> String {
    let (Some(first), Some(last)) = (text.find(BINARY), text.rfind(BINARY)) else { return text.to_owned() };
    let start = text[..first].rfind(' ').map_or(0, |space| space + 1);
    let end = text[last..].find(' ').map_or(text.len(), |space| last + space);
    format!("{}{TEXT}{}", &text[..start], &text[end..])
}

struct Masker<'t> {
    rest: &'t str,
    out: String,
    /// The last copied word outside quotation marks, in lower case. A mark outside quotation marks
    /// empties it. A code empties it too, except after `http`.
    word: String,
    /// Opening quotation marks without a closing one. The list avoids a quadratic search.
    unclosed: Vec<char>,
}

impl<'t> Masker<'t> {
    fn step(&mut self, first: char) {
        if let Some(content) = self.quoted(first) {
            if first == '\'' && is_own_name(content) {
                return self.unquote(content);
            }
            let quoted = self.in_quotes(first, content);
            self.copy(first);
            self.take(content.len());
            self.out.push_str(&quoted);
            self.rest.chars().next().into_iter().for_each(|closing| self.copy(closing));
        } else if let Some((length, mark)) = shape(self.rest).or_else(|| self.path()) {
            self.take(length);
            self.mark(mark);
        } else if first.is_alphanumeric() {
            self.word_or_url();
        } else {
            self.copy(first);
        }
    }

    /// Removes the quotation marks around the file's own name. GNU programs quote only names with
    /// special characters.
    fn unquote(&mut self, content: &str) {
        self.take(1 + content.len() + 1);
        self.out.push_str(&in_plain(content));
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn copy(&mut self, character: char) {
        self.take(character.len_utf8());
        self.out.push(character);
    }

    fn mark(&mut self, mark: &str) {
        self.word.clear();
        self.out.push_str(mark);
    }

    /// Returns the quoted text if `first` opens a quotation. An apostrophe within a word opens
    /// none.
    fn quoted(&mut self, first: char) -> Option<&'t str> {
        if self.out.ends_with(char::is_alphanumeric) || !QUOTES.contains(&first) || self.unclosed.contains(&first) {
            return None;
        }
        let text = &self.rest[first.len_utf8()..];
        let continues = |character: char| character.is_alphanumeric() || matches!(character, '{' | '/');
        let is_end = |(end, mark): &(usize, &str)| !text[end + mark.len()..].starts_with(continues);
        let end = text.match_indices(closing(first)).find(is_end).map(|(end, _)| end);
        if end.is_none() {
            self.unclosed.push(first);
        }
        end.map(|end| &text[..end])
    }

    fn in_quotes(&self, opening: char, content: &str) -> String {
        let masked = in_plain(content);
        let is_last = self.rest[opening.len_utf8() + content.len()..].chars().nth(1).is_none();
        let is_value = BEFORE_DATA.contains(&&*self.word) || is_last && ends_sentence(&self.out);
        let is_data = is_value || is_capitalised(content) || !is_name(content);
        if is_data && !failure::reads_like_error(&masked) { TEXT.to_owned() } else { masked }
    }

    /// Returns the length and the mark of a varying path.
    fn path(&self) -> Option<(usize, &'static str)> {
        if !self.rest.starts_with('/') || self.out.ends_with(|last: char| last.is_alphanumeric() || last == '}') {
            return None;
        }
        let end = self.rest.find(|character| !is_part_of_path(character)).unwrap_or(self.rest.len());
        let path = self.rest[..end].trim_end_matches('.');
        let is_temporary = || TEMPORARY.iter().any(|folder| path.starts_with(folder));
        let is_plain = || path.chars().all(|character| character.is_ascii_lowercase() || "/_-.".contains(character));
        let is_varying = path.rfind('/') > Some(0) && (is_temporary() || !is_plain());
        is_varying.then_some((path.len(), PATH))
    }

    fn word_or_url(&mut self) {
        let word = self.take(self.rest.find(|character: char| !character.is_alphanumeric()).unwrap_or(self.rest.len()));
        // Only a word of ASCII letters counts as the scheme of a URL, because a word with a digit
        // may become a mark. Letters directly after a mark may be the rest of such a word.
        let is_scheme = !self.out.ends_with('}') && word.chars().all(|character| character.is_ascii_alphabetic());
        self.word(word);
        if !is_scheme || !self.rest.starts_with(SCHEME_END) {
            return;
        }
        self.take(SCHEME_END.len());
        self.out.push_str(SCHEME_END);
        let is_in_host = |character: char| character.is_alphanumeric() || "-.:@_[]".contains(character);
        let host = self.take(self.rest.find(|character| !is_in_host(character)).unwrap_or(self.rest.len()));
        self.mark(&in_plain(host));
        if self.rest.starts_with(['/', '?']) {
            let end = self.rest.find(|character: char| ends_url(character)).unwrap_or(self.rest.len());
            self.take(self.rest[..end].trim_end_matches(['.', ',', ':']).len());
            self.mark(&format!("/{PATH}"));
        }
    }

    fn word(&mut self, word: &str) {
        let lower = word.to_ascii_lowercase();
        if !has_digit(word) || NAMES.contains(&&*lower) {
            self.out.push_str(word);
            self.word = lower;
        } else if self.is_code(word) {
            self.out.push_str(word);
            // A second number may be a code only after `http`, as in `HTTP/1.1 503`.
            self.word.truncate(if self.word == "http" { self.word.len() } else { 0 });
        } else if is_hex(&lower) {
            self.mark("{hex}");
        } else if is_number(word) {
            self.number();
        } else if is_id(word) {
            self.mark("{id}");
        } else {
            self.mark(&without_digits(word));
        }
    }

    fn is_code(&self, word: &str) -> bool {
        let is_digits = word.bytes().all(|byte| byte.is_ascii_digit());
        let is_short = is_digits && word.len() <= MAX_CODE_DIGITS && BEFORE_CODES.contains(&&*self.word);
        let is_http = word.len() == MAX_CODE_DIGITS && is_digits && word.starts_with(['4', '5']);
        let is_compilers =
            word.len() <= MAX_ERROR_CODE_BYTES && word.starts_with(|first: char| first.is_ascii_uppercase());
        is_short || (is_http || is_compilers) && BEFORE_ERROR_CODES.iter().any(|end| self.word.ends_with(end))
    }

    /// Adds the mark of a number. Numbers close together share one mark.
    fn number(&mut self) {
        let before = self.out.trim_end_matches(JOINERS);
        if before.ends_with(NUMBER) && self.out.len() - before.len() <= MAX_JOINERS {
            self.out.truncate(before.len());
            self.word.clear();
        } else {
            self.mark(NUMBER);
        }
    }
}

/// Returns the possible closing quotation marks. GNU programs may close a backtick with an
/// apostrophe.
fn closing(opening: char) -> &'static [char] {
    match opening {
        '\'' => &['\''],
        '"' => &['"'],
        '`' => &['`', '\''],
        '‘' => &['’'],
        '“' => &['”'],
        _ => &[],
    }
}

/// Returns the length of a terminal escape sequence (ECMA-48, 5.4). Returns 1 for an unknown
/// sequence.
fn escape_length(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 1 };
    let end = parameters.find(|character: char| !matches!(character, '0'..='?'));
    end.filter(|end| parameters[*end..].starts_with(|last: char| last.is_ascii_alphabetic())).map_or(1, |end| end + 3)
}

fn is_own_name(content: &str) -> bool {
    (content.starts_with("{}") || content.starts_with("{/")) && is_name(content)
}

/// True if the text ends with a sentence and a colon.
fn ends_sentence(text: &str) -> bool {
    let sentence = text.strip_suffix(": ").and_then(|before| before.rsplit_once(": "));
    sentence.is_some_and(|(_, sentence)| sentence.split(' ').count() >= MIN_SENTENCE_WORDS)
}

/// True for a word such as `Miller`. Such a word is probably input data.
fn is_capitalised(word: &str) -> bool {
    let rest = word.strip_prefix(|first: char| first.is_ascii_uppercase()).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_name(content: &str) -> bool {
    content.chars().all(|character| character.is_ascii_alphanumeric() || IN_NAMES.contains(character))
}

/// Returns the length and the mark of a leading identifier.
fn shape(text: &str) -> Option<(usize, &'static str)> {
    let fits = |shape: &str| {
        let bytes = text.as_bytes();
        let is_equal =
            |(byte, wanted): (&u8, u8)| if wanted == b'h' { byte.is_ascii_hexdigit() } else { *byte == wanted };
        bytes.len() >= shape.len() && bytes.iter().zip(shape.bytes()).all(is_equal)
    };
    let (shape, mark) = SHAPES.iter().find(|(shape, _)| fits(shape))?;
    (!text[shape.len()..].starts_with(char::is_alphanumeric)).then_some((shape.len(), mark))
}

fn ends_url(character: char) -> bool {
    character.is_whitespace() || QUOTES.contains(&character) || "<>(),;|".contains(character)
}

fn has_digit(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_hex(lower: &str) -> bool {
    let digits = lower.strip_prefix("0x").filter(|digits| !digits.is_empty());
    let has_letter = lower.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_long = has_letter && lower.len() >= MIN_HEX_DIGITS;
    (digits.is_some() || is_long) && digits.unwrap_or(lower).bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// True for words such as `17`, `12MB` and `1920x1080`.
fn is_number(word: &str) -> bool {
    let letters = word.chars().filter(|character| !character.is_ascii_digit()).count();
    word.starts_with(|first: char| first.is_ascii_digit()) && letters <= MAX_UNIT_LETTERS
}

fn is_id(word: &str) -> bool {
    let kinds: Vec<_> = word.bytes().map(|byte| byte.is_ascii_digit()).collect();
    word.len() >= MIN_ID_BYTES && kinds.windows(2).filter(|pair| pair[0] != pair[1]).count() >= MIN_ID_CHANGES
}

fn without_digits(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for character in word.chars() {
        if !character.is_ascii_digit() {
            out.push(character);
        } else if !out.ends_with(NUMBER) {
            out.push_str(NUMBER);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_vary_become_marks() {
        for (text, expected) in [
            ("line 17, column 4: bad", "line {n}, column {n}: bad"),
            ("at 2026-11-29T06:30:00.5Z and 06:30", "at {n} and {n}"),
            ("1920x1080 of 12.5MB at 10.0.0.1:8080", "{n} of {n} at {n}"),
            ("object at 0x7f3a, commit 3fa2c19", "object at {hex}, commit {hex}"),
            ("id 550e8400-e29b-41d4-a716-446655440000 of 00:1a:2b:3c:4d:5e", "id {uuid} of {mac}"),
            ("cannot open /tmp/x.Ab/y: tmp8f3ka2", "cannot open {path}: {id}"),
            ("page12 of part3b", "page{n} of part{n}b"),
            ("get https://api.example.org:80/v1/x?y=2: refused", "get https://api.example.org:{n}/{path}: refused"),
            ("float: 'abc 17 d', \u{1b}[31mred\u{1b}[0m\tand  wide", "float: '{text}', red and wide"),
            ("‘foo bar’ or `x y' or 'fußnote'", "‘{text}’ or `{text}' or '{text}'"),
            ("cannot open “my file, 2”", "cannot open “{text}”"),
            ("say \"a b, c\" now", "say \"{text}\" now"),
            ("it's 'a b, c' of 'it's a b'", "it's '{text}' of '{text}'"),
            ("cat: '{}': bad, to '{/.}.txt7'", "cat: {}: bad, to {/.}.txt{n}"),
            ("x'a b' and \"open 17", "x'a b' and \"open {n}"),
            ("key 'Miller' of 'NoneType'", "key '{text}' of 'NoneType'"),
            ("read /srv/Rossi/a.ttf, /srv/a-7.ttf.", "read {path}, {path}."),
            ("bad line a\u{fffd}\u{1} b c\u{7}: end", "bad line {text} end"),
        ] {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(expected), expected);
        }
    }

    #[test]
    fn codes_and_names_stay() {
        for text in [
            "exit status 3, killed by signal 11, [Errno 2], code: 7",
            "HTTP/1.1 503 Service Unavailable",
            "HTTPError: 404 Client Error",
            "error[E0425]: no value; error TS2304: no name",
            "'utf-8' codec, encoder 'libx' and 'x264'",
            "No module named 'numpy.core'; can't read it, isn't it",
            "/usr/share/tessdata/eng.traineddata",
        ] {
            assert_eq!(masked(text), text);
        }
        assert_eq!(
            masked("exit status 3: 5 errors; error on line 404"),
            "exit status 3: {n} errors; error on line {n}"
        );
    }

    #[test]
    fn a_value_after_a_sentence_is_data() {
        for (text, expected) in [
            ("exit status 1: bad value of n: 'seven'", "exit status 1: bad value of n: '{text}'"),
            ("exit status 1: syntax error near `fi'", "exit status 1: syntax error near `{text}'"),
            ("exit status 1: KeyError: 'total'", "exit status 1: KeyError: 'total'"),
            ("exit status 1: unknown column: 'total'", "exit status 1: unknown column: 'total'"),
            ("exit status 1: 'total'", "exit status 1: 'total'"),
            ("fatal: error on line 3: 'total' is bad", "fatal: error on line {n}: 'total' is bad"),
        ] {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(expected), expected);
        }
    }

    #[test]
    fn quoted_errors_stay() {
        let message = r#"level=error msg="open /srv/a7/b: permission denied" user="Ada Miller""#;
        assert_eq!(masked(message), r#"level=error msg="open {path}: permission denied" user="{text}""#);
    }

    #[test]
    fn only_an_error_code_of_http_is_a_code() {
        assert_eq!(masked("server returned 404, response 503"), "server returned 404, response 503");
        assert_eq!(masked("server returned 200, error 45, error 4"), "server returned {n}, error {n}, error {n}");
    }

    #[test]
    fn a_url_ends_at_its_delimiter_and_begins_with_letters() {
        for (text, expected) in [
            ("see <https://host/a/b> or (http://host/c)", "see <https://host/{path}> or (http://host/{path})"),
            // In `u'`, the quotation mark may be an apostrophe, so nothing is quoted.
            ("u'https://host/a/b': bad", "u'https://host/{path}': bad"),
            ("s3://bucket/a: denied", "s{n}://bucket/a: denied"),
        ] {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(expected), expected);
        }
    }

    #[test]
    fn numbers_far_apart_have_marks_of_their_own() {
        assert_eq!(masked("from 17, 18 to 19 --- 20"), "from {n} to {n} --- {n}");
    }
}
