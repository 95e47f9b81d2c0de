//! The colours of outcomes.

use anstyle::{AnsiColor, Style};
use autoproc_domain::Status;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const LATER: Style = AnsiColor::Yellow.on_default();
pub(crate) const BUSY: Style = AnsiColor::Cyan.on_default();

pub(crate) fn of(status: Status) -> Style {
    match status {
        Status::Completed => GOOD,
        Status::Failed | Status::Timeout => BAD,
        Status::Processing => BUSY,
        Status::Pending => Style::new(),
    }
}

pub(crate) fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
