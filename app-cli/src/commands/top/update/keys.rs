//! Keys for scrolling and for moving the selection.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Returns the number of rows that a key moves. [`isize::MIN`] means the first row, and
/// [`isize::MAX`] the last row.
pub(super) fn rows_of(key: KeyEvent, height: usize) -> Option<isize> {
    let screen = isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(isize::MAX);
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('b') if is_control => -screen,
        KeyCode::Char('f') if is_control => screen,
        KeyCode::Char(_) if is_control => return None,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::PageUp => -screen,
        KeyCode::PageDown | KeyCode::Char(' ') => screen,
        KeyCode::Home | KeyCode::Char('g') => isize::MIN,
        KeyCode::End | KeyCode::Char('G') => isize::MAX,
        _ => return None,
    })
}
