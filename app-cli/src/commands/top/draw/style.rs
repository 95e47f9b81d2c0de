//! Colours, text styles and table cells of the live view.

use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::commands::top::state::Look;
use crate::view::layout::Layout;

pub(super) const GOOD: Color = Color::Green;
pub(super) const BAD: Color = Color::Red;
pub(super) const LATER: Color = Color::Yellow;
pub(super) const BUSY: Color = Color::Cyan;

pub(super) const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
pub(super) const DIM: Style = Style::new().add_modifier(Modifier::DIM);

/// The style of the selected row, and of the cursor in a prompt.
pub(super) const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

impl Look {
    /// Returns a style without colour if colours are off.
    pub(super) fn colour(&self, colour: Color) -> Style {
        if self.is_coloured { Style::new().fg(colour) } else { Style::new() }
    }
}

/// Fits a text into exactly this many columns: cuts its end or adds blanks.
pub(super) fn cell(text: &str, columns: usize, layout: &Layout) -> String {
    filled(layout.cut_at_end(text, columns), columns)
}

/// Fits a path into exactly this many columns: cuts its middle or adds blanks.
pub(super) fn name_cell(text: &str, columns: usize, layout: &Layout) -> String {
    filled(layout.cut_in_middle(text, columns), columns)
}

pub(super) fn number_cell(text: &str, columns: usize) -> String {
    " ".repeat(columns.saturating_sub(text.width())) + text
}

fn filled(text: String, columns: usize) -> String {
    match columns.checked_sub(text.width()) {
        Some(blanks) => text + &" ".repeat(blanks),
        None => " ".repeat(columns),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_cell_has_its_width() {
        let layout = Layout::on_terminal(Path::new("/"), 80);
        let cells = |columns| {
            [cell("日本語", columns, &layout), name_cell("abcdef", columns, &layout), number_cell("12", columns)]
        };
        assert_eq!(cells(0), ["", "", "12"]);
        assert_eq!(cells(1), ["…", "…", "12"]);
        assert_eq!(cells(4), ["日… ", "a…ef", "  12"]);
        assert_eq!(cells(7), ["日本語 ", "abcdef ", "     12"]);
    }
}
