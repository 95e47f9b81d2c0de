//! A scrollable page of text.

use unicode_width::UnicodeWidthChar;

use autoproc_domain::{FilePath, ItemId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Keys,
    Group,
    Story(FilePath, ItemId),
    Output(FilePath, ItemId),
}

/// A page of text. Its lines are wrapped at the width of the screen.
#[derive(Debug, Clone)]
pub(super) struct TextPage {
    pub(super) source: Source,
    pub(super) title: String,
    lines: Vec<String>,
    rows: Vec<String>,
    first: usize,
    is_at_end: bool,
}

impl TextPage {
    /// Creates an empty page. Pages of output start at the end.
    pub(super) fn new(source: Source, title: String) -> Self {
        let is_at_end = matches!(source, Source::Output(..));
        Self { source, title, lines: Vec::new(), rows: Vec::new(), first: 0, is_at_end }
    }

    pub(super) fn set(&mut self, lines: Vec<String>) {
        self.lines = lines;
    }

    /// Scrolls by this many rows. An output is followed only at its end.
    pub(super) fn move_by(&mut self, rows: isize) {
        self.first = self.first.saturating_add_signed(rows);
        self.is_at_end &= rows > 0;
    }

    /// Wraps the lines and adjusts the scroll position for a screen of this size.
    pub(super) fn fit(&mut self, columns: usize, height: usize) {
        self.rows = self.lines.iter().flat_map(|line| broken(line, columns)).collect();
        let last = self.rows.len().saturating_sub(height);
        self.is_at_end |= matches!(self.source, Source::Output(..)) && self.first > last;
        self.first = if self.is_at_end { last } else { self.first.min(last) };
    }

    pub(super) fn shown(&self, height: usize) -> &[String] {
        let end = self.first.saturating_add(height).min(self.rows.len());
        self.rows.get(self.first..end).unwrap_or_default()
    }
}

/// Wraps a line into rows of at most `columns` columns.
pub(super) fn broken(line: &str, columns: usize) -> Vec<String> {
    let (mut rows, mut width) = (vec![String::new()], 0);
    for character in line.chars() {
        let columns_of_character = character.width().unwrap_or(0);
        if width + columns_of_character > columns && width > 0 {
            rows.push(String::new());
            width = 0;
        }
        width += columns_of_character;
        if let Some(row) = rows.last_mut() {
            row.push(character);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(source: Source, lines: &[&str]) -> TextPage {
        let mut page = TextPage::new(source, String::new());
        page.set(lines.iter().map(|line| (*line).to_owned()).collect());
        page
    }

    fn output() -> Source {
        Source::Output(FilePath::new("/a").expect("a path"), ItemId::FIRST)
    }

    #[test]
    fn lines_are_broken_at_the_width() {
        assert_eq!(broken("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(broken("", 4), [""]);
        assert_eq!(broken("日本語", 3), ["日", "本", "語"]);
        assert_eq!(broken("日本", 1), ["日", "本"]);
        assert_eq!(broken("ab", 0), ["a", "b"]);
    }

    #[test]
    fn an_output_is_followed_until_it_is_scrolled_up() {
        let mut page = page(output(), &["1", "2", "3", "4"]);
        page.fit(10, 2);
        assert_eq!(page.shown(2), ["3", "4"]);
        page.move_by(-1);
        page.set(["1", "2", "3", "4", "5"].map(str::to_owned).into());
        page.fit(10, 2);
        assert_eq!(page.shown(2), ["2", "3"]);
        page.move_by(isize::MAX);
        page.fit(10, 2);
        page.set(["1", "2", "3", "4", "5", "6"].map(str::to_owned).into());
        page.fit(10, 2);
        assert_eq!(page.shown(2), ["5", "6"], "the end is followed again");
    }

    #[test]
    fn other_texts_begin_at_their_beginning() {
        let mut page = page(Source::Keys, &["1", "2", "3"]);
        page.fit(10, 2);
        assert_eq!(page.shown(2), ["1", "2"]);
        page.move_by(9);
        page.fit(10, 2);
        assert_eq!(page.shown(2), ["2", "3"]);
        page.fit(10, 0);
        assert!(page.shown(0).is_empty());
    }
}
