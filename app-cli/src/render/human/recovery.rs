//! The answer of `queue recover`.

use std::io::{self, Write};

use autoproc_domain::Status;
use autoproc_domain::ports::Unproven;
use autoproc_domain::view::RecoveredItem;

use crate::escape::{Printable, printable};
use crate::render::{View, json};
use crate::view::Recovered;

impl View for Recovered {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.items.is_empty() && self.unproven.is_empty() {
            return writeln!(out, "no dead runs to recover");
        }
        self.items.iter().try_for_each(|recovered| taken_back(recovered, out))?;
        self.unproven.iter().try_for_each(|left| at_work(self, left, out))?;
        if self.unproven.is_empty() || self.forced {
            return Ok(());
        }
        writeln!(out, "\ncheck that these processes have ended, then run: autoproc queue recover --force")
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::recovery::recovered(self, out)
    }
}

fn taken_back(recovered: &RecoveredItem, out: &mut dyn Write) -> io::Result<()> {
    let RecoveredItem { item, dead_run } = recovered;
    let (path, attempts, dead_run) = (&item.file_path, item.attempts, printable(dead_run));
    if item.status == Status::Pending {
        writeln!(out, "waits again: {path} (attempt {attempts} died with run {dead_run})")
    } else if recovered.is_cancelled() {
        writeln!(out, "is cancelled: {path} (attempt {attempts} died with run {dead_run})")
    } else {
        writeln!(out, "has failed: {path} (attempt {attempts}, its last, died with run {dead_run})")
    }
}

fn at_work(view: &Recovered, left: &Unproven, out: &mut dyn Write) -> io::Result<()> {
    view.kept_by(left).try_for_each(|item| writeln!(out, "stays processing: {}", item.file_path))?;
    writeln!(out, "run {} may still be at work: {}", printable(&left.run), Printable(&left.reason))
}
