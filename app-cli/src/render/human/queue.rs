//! The answers of `queue …` and `retry-failed`.

use std::io::{self, Write};

use autoproc_domain::Status;

use super::{files, history, item};
use crate::render::{View, json};
use crate::view::{AddOutcome, Added, Cleared, Listed, Peeked, Removed, Reprioritised, Requeued, Shown, Size};

/// Above this many files only a summary is printed.
const MAX_LINES: usize = 20;

impl View for Added {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.files.len() <= MAX_LINES {
            for (path, outcome) in self.each() {
                match outcome {
                    AddOutcome::Added => writeln!(out, "added {path}")?,
                    AddOutcome::Raised => writeln!(out, "raised {path} to priority {}", self.priority)?,
                    AddOutcome::Unchanged => writeln!(out, "already there: {path}")?,
                    AddOutcome::Accepted => writeln!(out, "accepted {path}")?,
                }
            }
        }
        if self.files.len() == 1 { Ok(()) } else { writeln!(out, "{}", self.in_sum()) }
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::added(self, out)
    }
}

impl View for Listed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.items.is_empty() { Ok(()) } else { item::table(&self.items, self.now, out) }
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::listed(self, out)
    }
}

impl View for Size {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0)
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::size(self, out)
    }
}

impl View for Peeked {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |item| writeln!(out, "{}", item.file_path))
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::peeked(self, out)
    }
}

impl View for Shown {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        item::at_length(&self.item, self.now, out)?;
        history::list(&self.history, out)
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::shown(self, out)
    }
}

impl View for Reprioritised {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} has priority {} now", self.0.file_path, self.0.priority)
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::reprioritised(self, out)
    }
}

impl View for Removed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} removed", files(self.0))
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::removed(self, out)
    }
}

impl View for Requeued {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} requeued", files(self.0))
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::requeued(self, out)
    }
}

impl View for Cleared {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let by_status = Status::ALL.into_iter().filter(|status| self.gone.of(*status) > 0);
        let parts: Vec<_> = by_status.map(|status| format!("{} {status}", self.gone.of(status))).collect();
        let detail = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        writeln!(out, "{} cleared{detail}", files(self.gone.total()))
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::queue::cleared(self, out)
    }
}
