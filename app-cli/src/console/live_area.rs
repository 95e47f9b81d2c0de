//! Lines at the bottom of a terminal that are redrawn in place.
//!
//! # Theory of operation
//!
//! After each drawing, the cursor returns to the beginning of the first line. Everything below the
//! cursor belongs to the area. Erasing the area thus needs no height, even after the terminal was
//! resized.
//!
//! Each row is erased before its line is written. If a line fills its row, the cursor stays on the
//! last character. Erasing afterwards would remove this character.
//!
//! Wrapping is off during a drawing. Each line thus takes exactly one row, even in a narrow
//! terminal.

/// Erases the screen from the row of the cursor on. The rows below are erased separately.
/// Otherwise, tmux would keep the erased lines in its history.
const ERASE_SCREEN: &str = "\r\x1b[K\x1b7\x1b[B\x1b[J\x1b8";

const ERASE_ROW: &str = "\x1b[K";

/// Disables the wrapping of long lines (DECAWM).
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";

/// The lines at the bottom of the screen.
///
/// Methods return the text that changes the screen. The caller must write each text before the next
/// call.
#[derive(Debug, Default)]
pub(super) struct LiveArea {
    is_open: bool,
    is_concealed: bool,
    lines: Vec<String>,
}

impl LiveArea {
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// Removes the lines, and ignores lines from now on.
    pub(super) fn close(&mut self) -> &'static str {
        self.is_open = false;
        self.remove()
    }

    /// Removes the lines, and ignores lines until [`reveal`](Self::reveal).
    pub(super) fn conceal(&mut self) -> &'static str {
        self.is_concealed = true;
        self.remove()
    }

    /// Ends [`conceal`](Self::conceal). An open area then accepts lines again.
    pub(super) fn reveal(&mut self) {
        self.is_concealed = false;
    }

    /// Forgets the lines without erasing them, because another program now uses the screen.
    pub(super) fn abandon(&mut self) {
        self.lines.clear();
    }

    /// Replaces the lines, unless the area is closed or concealed. The lines must fit on the
    /// screen.
    pub(super) fn replace(&mut self, lines: Vec<String>) -> String {
        if !self.is_open || self.is_concealed {
            return String::new();
        }
        self.lines = lines;
        self.draw()
    }

    /// Returns the text that erases the lines. The area keeps the lines.
    pub(super) fn erase(&self) -> &'static str {
        if self.lines.is_empty() { "" } else { ERASE_SCREEN }
    }

    pub(super) fn draw(&self) -> String {
        let Some((last, others)) = self.lines.split_last() else { return String::new() };
        let mut text = format!("{WRAP_OFF}\r");
        for line in others {
            text.extend([ERASE_ROW, line, "\r\n"]);
        }
        text.extend([ERASE_SCREEN, last, "\r"]);
        if !others.is_empty() {
            text.extend(["\x1b[", &others.len().to_string(), "A"]);
        }
        text + WRAP_ON
    }

    fn remove(&mut self) -> &'static str {
        let erased = self.erase();
        self.lines.clear();
        erased
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn open() -> LiveArea {
        LiveArea { is_open: true, ..LiveArea::default() }
    }

    #[test]
    fn the_cursor_returns_to_the_first_line() {
        let drawn = format!("{WRAP_OFF}\r\x1b[Ka\r\n\x1b[Kb\r\n{ERASE_SCREEN}c\r\x1b[2A{WRAP_ON}");
        assert_eq!(open().replace(lines(&["a", "b", "c"])), drawn);
        assert_eq!(open().replace(lines(&["a"])), format!("{WRAP_OFF}\r{ERASE_SCREEN}a\r{WRAP_ON}"));
    }

    #[test]
    fn only_an_open_area_draws() {
        let mut area = LiveArea::default();
        assert_eq!((area.replace(lines(&["a"])).as_str(), area.erase()), ("", ""));
        area.open();
        assert_ne!(area.replace(lines(&["a"])), "");
        assert_eq!(area.close(), ERASE_SCREEN);
        assert_eq!((area.replace(lines(&["a"])).as_str(), area.draw().as_str()), ("", ""));
    }

    #[test]
    fn an_abandoned_area_is_not_erased() {
        let mut area = open();
        area.replace(lines(&["a"]));
        area.abandon();
        assert_eq!((area.erase(), area.draw().as_str()), ("", ""));
    }

    #[test]
    fn a_concealed_area_draws_once_it_is_revealed() {
        let mut area = open();
        area.replace(lines(&["a"]));
        assert_eq!((area.conceal(), area.conceal()), (ERASE_SCREEN, ""));
        assert_eq!(area.replace(lines(&["a"])), "");
        area.reveal();
        assert_ne!(area.replace(lines(&["a"])), "");
    }
}
