//! Fits text to the width of the terminal.

use std::env;
use std::path::{Path, PathBuf};

use autoproc_domain::FilePath;
use rustix::fd::AsFd;
use rustix::termios::tcgetwinsize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::quoting::quoted_path;
use crate::escape::Shown;

/// The size of a VT100. Used if a terminal does not report its size.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Size {
    pub(crate) fn of(stream: impl AsFd) -> Self {
        let Ok(reported) = tcgetwinsize(stream) else { return USUAL_SIZE };
        let known = |reported: u16, usual: usize| if reported == 0 { usual } else { usize::from(reported) };
        Self { columns: known(reported.ws_col, USUAL_SIZE.columns), rows: known(reported.ws_row, USUAL_SIZE.rows) }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    terminal: Option<Terminal>,
    is_ascii: bool,
}

#[derive(Debug, Clone)]
struct Terminal {
    base: PathBuf,
    columns: usize,
    is_clever: bool,
}

impl Layout {
    pub(crate) fn of(stream: impl AsFd, is_terminal: bool, base: &Path) -> Self {
        let terminal = is_terminal.then(|| Terminal {
            base: base.to_owned(),
            columns: Size::of(stream).columns,
            is_clever: env::var_os("TERM").is_none_or(|term| term != "dumb"),
        });
        Self { terminal, is_ascii: is_ascii(|name| env::var(name).ok()) }
    }

    #[cfg(test)]
    pub(crate) fn on_terminal(base: &Path, columns: usize) -> Self {
        let terminal = Terminal { base: base.to_owned(), columns, is_clever: true };
        Self { terminal: Some(terminal), is_ascii: false }
    }

    pub(crate) fn resized(&self, size: Size) -> Self {
        let terminal = self.terminal.clone().map(|terminal| Terminal { columns: size.columns, ..terminal });
        Self { terminal, is_ascii: self.is_ascii }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    pub(crate) fn can_redraw(&self) -> bool {
        self.terminal.as_ref().is_some_and(|terminal| terminal.is_clever)
    }

    pub(crate) fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// Returns the number of columns of the terminal. `None` for a file or pipe.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.terminal.as_ref().map(|terminal| terminal.columns)
    }

    /// Formats a path. A terminal shows a path below the current folder as relative.
    pub(crate) fn path(&self, path: &FilePath) -> String {
        let below = self.terminal.as_ref().and_then(|terminal| path.as_path().strip_prefix(&terminal.base).ok());
        Shown(below.unwrap_or(path.as_path())).to_string()
    }

    /// Returns a path as a word of a shell command. `None` if the path has unprintable characters.
    pub(crate) fn argument(&self, path: &FilePath) -> Option<String> {
        let exact = path.as_path().to_str();
        exact.filter(|exact| Shown(path.as_path()).to_string() == *exact)?;
        let shown = self.path(path);
        Some(quoted_path(Path::new(&shown)))
    }

    /// Puts text before and after a path. Shortens a long path on a terminal.
    pub(crate) fn line(&self, before: &str, path: &FilePath, after: &str) -> String {
        let mut shown = self.path(path);
        if let Some(columns) = self.columns() {
            let first = after.lines().next().unwrap_or_default();
            let room = columns.saturating_sub(before.width() + first.width());
            if room >= columns / 2 {
                shown = self.cut_in_middle(&shown, room);
            }
        }
        format!("{before}{shown}{after}")
    }

    /// Replaces the middle of a long text by an ellipsis.
    pub(crate) fn cut_in_middle(&self, text: &str, columns: usize) -> String {
        let ellipsis = self.ellipsis();
        if text.width() <= columns {
            return text.to_owned();
        }
        let room = columns.saturating_sub(ellipsis.width());
        let beginning = widest(text.chars(), room / 3);
        let end: String = widest(text.chars().rev(), room - beginning.width());
        beginning + ellipsis + &end.chars().rev().collect::<String>()
    }

    /// If a text is wider than `columns`, replaces its end by an ellipsis.
    pub(crate) fn cut_at_end(&self, text: &str, columns: usize) -> String {
        let ellipsis = self.ellipsis();
        if text.width() <= columns {
            return text.to_owned();
        }
        widest(text.chars(), columns.saturating_sub(ellipsis.width())) + ellipsis
    }

    pub(crate) fn ellipsis(&self) -> &'static str {
        if self.is_ascii { "..." } else { "…" }
    }
}

fn widest(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut width = 0;
    let fits = |character: &char| {
        width += character.width().unwrap_or(0);
        width <= columns
    };
    characters.take_while(fits).collect()
}

fn is_ascii(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
    locale.is_some_and(|locale| !locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(columns: usize) -> Layout {
        Layout::on_terminal(Path::new("/home/ada"), columns)
    }

    fn path(text: &str) -> FilePath {
        FilePath::new(text).expect("a path")
    }

    #[test]
    fn paths_are_relative_on_a_terminal_only() {
        assert_eq!(terminal(80).path(&path("/home/ada/in/a")), "in/a");
        assert_eq!(terminal(80).path(&path("/home/adam/a")), "/home/adam/a");
        assert_eq!(Layout::default().path(&path("/home/ada/in/a")), "/home/ada/in/a");
    }

    #[test]
    fn a_line_fits_unless_little_of_the_path_would_be_left() {
        let long = path("/home/ada/a-folder-with-a-long-name/and-a-file-in-it.pdf");
        let line = terminal(40).line("completed ", &long, " in 1.2s");
        assert_eq!(line, "completed a-folde…file-in-it.pdf in 1.2s");
        assert_eq!(line.width(), 40);
        let crowded = terminal(40).line("failed ", &long, ": it printed a long explanation");
        assert!(crowded.contains(" a-folder-with-a-long-name/and-a-file-in-it.pdf: it"), "{crowded}");
        assert!(Layout::default().line("", &long, "").ends_with("/a-folder-with-a-long-name/and-a-file-in-it.pdf"));
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(terminal(80).cut_at_end("日本語の名前", 7).width(), 7);
        assert!(terminal(80).cut_in_middle("日本語の名前.pdf", 10).width() <= 10);
    }

    #[test]
    fn only_a_locale_without_utf8_is_ascii() {
        let locale =
            |name: &'static str, value: &'static str| move |asked: &str| (asked == name).then(|| value.to_owned());
        assert!(is_ascii(locale("LANG", "C")));
        assert!(is_ascii(locale("LC_ALL", "de_DE.ISO-8859-1")));
        assert!(!is_ascii(locale("LANG", "de_DE.UTF-8")));
        assert!(!is_ascii(locale("LANG", "C.utf8")));
        assert!(!is_ascii(locale("LANG", "")));
    }
}
