//! Replaces the names of the failed file with placeholders.

use crate::path::FilePath;

/// Characters that end a path, besides quotation marks.
const PATH_ENDS: &str = "<>()[]{}=,;:|";

pub(super) const QUOTES: &[char] = &['\'', '"', '`', '‘', '’', '“', '”'];

const MIN_DISTINCTIVE_BYTES: usize = 3;

/// Replaces the names of the file with placeholders. A folder path before a name is also replaced.
pub(super) fn replaced(text: &str, file: &FilePath) -> String {
    let path = file.text();
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let text = replaced_each(text, &path, "{}", |before, after| is_separate(&path, before, after));
    let text = replaced_each(&text, name, "{/}", |before, after| is_name(name, before, after));
    let text = replaced_each(&text, stem, "{/.}", |before, after| is_name(stem, before, after));
    replaced_each(&text, folder, "{//}", is_folder)
}

/// `accepts` gets the text before and after an occurrence.
fn replaced_each(text: &str, name: &str, mark: &str, accepts: impl Fn(&str, &str) -> bool) -> String {
    if name.is_empty() || name == "/" {
        return text.to_owned();
    }
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for (at, found) in text.match_indices(name) {
        let end = at + found.len();
        if accepts(&text[..at], &text[end..]) {
            let start = folder_start(&text[..at]).max(done);
            out.push_str(&text[done..start]);
            out.push_str(mark);
            done = end;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// Returns the start of the folder path at the end of the text.
fn folder_start(before: &str) -> usize {
    if !before.ends_with('/') {
        return before.len();
    }
    before.trim_end_matches(is_part_of_path).len()
}

pub(super) fn is_part_of_path(character: char) -> bool {
    let ends = PATH_ENDS.contains(character) || QUOTES.contains(&character);
    !ends && !character.is_whitespace() && !character.is_control()
}

/// True if the name is not a part of a longer word.
fn is_separate(name: &str, before: &str, after: &str) -> bool {
    let is_letter = |character: char| character.is_alphanumeric() || character == '_';
    let continues_before = name.starts_with(is_letter) || name.starts_with('/');
    let is_end = continues_before && before.ends_with(is_letter);
    let is_beginning = name.ends_with(is_letter) && after.starts_with(is_letter);
    !is_end && !is_beginning
}

/// True if the name refers to the file. An ordinary word needs a slash, quotes or an extension.
fn is_name(name: &str, before: &str, after: &str) -> bool {
    let is_quoted = || before.ends_with(QUOTES) && after.starts_with(QUOTES);
    let is_extended = || {
        !before.ends_with('.') && after.strip_prefix('.').is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
    };
    is_separate(name, before, after) && (is_distinctive(name) || before.ends_with('/') || is_quoted() || is_extended())
}

fn is_distinctive(name: &str) -> bool {
    name.len() >= MIN_DISTINCTIVE_BYTES
        && name.contains(char::is_alphabetic)
        && name.contains(|character: char| !character.is_ascii_alphabetic())
}

/// True if the text between `before` and `after` is a whole folder path.
fn is_folder(before: &str, after: &str) -> bool {
    let continues = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    !before.ends_with(is_part_of_path) && !after.starts_with(continues)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(path: &str, text: &str) -> String {
        replaced(text, &FilePath::new(path).expect("a path"))
    }

    #[test]
    fn each_form_of_the_name_has_a_placeholder() {
        for (path, text, expected) in [
            ("/in/a b.pdf", "wc: '/in/a b.pdf': bad", "wc: '{}': bad"),
            ("/in/a.pdf", "in/a.pdf, ../x/a.pdf: bad", "{/}, {/}: bad"),
            ("/in/a.pdf", "a.pdf: bad; no ba.pdf", "{/}: bad; no ba.pdf"),
            ("/in/a.pdf", "cannot write out/7/a.txt", "cannot write {/.}.txt"),
            ("/in/2025/a.pdf", "mkdir /in/2025/new: denied", "mkdir {//}/new: denied"),
            ("/in/a.pdf", "no folder /inbox or /mnt/in", "no folder /inbox or /mnt/in"),
            ("/in/a.pdf", "/mnt/in/a.pdf", "{/}"),
            ("/in/a", "/in/ab /in/a /in/a.txt", "{//}/ab {} {}.txt"),
            ("/page-12.png", "page-12 is bad, page-123 is not", "{/.} is bad, page-123 is not"),
        ] {
            assert_eq!(in_file(path, text), expected, "{path}: {text}");
        }
    }

    #[test]
    fn a_name_that_is_a_word_is_replaced_only_as_a_name() {
        assert_eq!(in_file("/in/error.pdf", "error: no page"), "error: no page");
        assert_eq!(in_file("/in/file.pdf", "No such file or 'file'"), "No such file or '{/.}'");
        assert_eq!(in_file("/in/error.pdf", "'error log' and 'my error'"), "'error log' and 'my error'");
        assert_eq!(in_file("/in/error.pdf", "urllib.error.URLError: error.txt"), "urllib.error.URLError: {/.}.txt");
        assert_eq!(in_file("/in/2", "page 2 of out/2"), "page 2 of {/}");
        assert_eq!(in_file("/in/123.pdf", "line 123: bad 123.txt"), "line 123: bad {/.}.txt");
    }
}
