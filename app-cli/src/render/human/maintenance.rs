//! The answers of `queue repair` and `doctor`.

use std::io::{self, Write};

use autoproc_domain::Status;
use autoproc_domain::view::Counts;

use super::files;
use crate::escape::{Printable, Shown};
use crate::render::{View, json, span};
use crate::view::{CrashTest, Diagnosis, Finding, Level, RepairDone, RepairPlans};
use crate::wiring::{ChangeCounts, Damage, RepairPlan};

impl View for RepairPlans {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let examination = &self.0;
        for notice in &examination.notices {
            writeln!(out, "note: {}", Printable(notice))?;
        }
        if examination.half_written_bytes > 0 {
            let bytes = examination.half_written_bytes;
            writeln!(out, "note: a half-written last line of {bytes} bytes will be cut off by the next change")?;
        }
        if examination.is_sound() {
            return writeln!(out, "nothing is damaged");
        }
        all_damage(&examination.damage, out)?;
        if examination.plans.is_empty() {
            return writeln!(
                out,
                "\nnothing of it can be read; repair it by hand, or restore a copy of the state folder"
            );
        }
        for plan in &examination.plans {
            writeln!(out, "\n--apply {}", plan.method.word())?;
            outcome(plan, out)?;
        }
        writeln!(out, "\nnothing was changed; with --apply the files are copied first")
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::maintenance::plans(self, out)
    }
}

impl View for RepairDone {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        all_damage(&self.damage, out)?;
        writeln!(out, "repaired by {}", self.plan.method.word())?;
        outcome(&self.plan, out)?;
        writeln!(out, "the files as they were: {}", Shown(&self.backup))
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::maintenance::repaired(self, out)
    }
}

fn all_damage(damage: &[Damage], out: &mut dyn Write) -> io::Result<()> {
    damage
        .iter()
        .try_for_each(|damage| writeln!(out, "damaged: {}: {}", Printable(&damage.file), Printable(&damage.detail)))
}

fn outcome(plan: &RepairPlan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  queue  {}", counted(plan.counts))?;
    if plan.keeps.total() > 0 {
        writeln!(out, "  keeps  {} behind the damage", tallied(plan.keeps))?;
    }
    let unreadable = format!("{} bytes that cannot be read", plan.unreadable_bytes);
    match (plan.loses.total(), plan.unreadable_bytes) {
        (0, 0) => Ok(()),
        (0, _) => writeln!(out, "  loses  {unreadable}"),
        (_, 0) => writeln!(out, "  loses  {}", tallied(plan.loses)),
        (_, _) => writeln!(out, "  loses  {}; {unreadable}", tallied(plan.loses)),
    }
}

fn counted(counts: Counts) -> String {
    let by_status = Status::ALL.into_iter().filter(|status| counts.of(*status) > 0);
    let parts: Vec<_> = by_status.map(|status| format!("{} {status}", counts.of(status))).collect();
    if parts.is_empty() { files(0_usize) } else { format!("{}: {}", files(counts.total()), parts.join(", ")) }
}

fn tallied(changes: ChangeCounts) -> String {
    let words = [
        (changes.additions, "addition", "additions"),
        (changes.results, "result", "results"),
        (changes.others, "other change", "other changes"),
    ];
    let some = words.into_iter().filter(|(count, _, _)| *count > 0);
    some.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect::<Vec<_>>()
        .join(", ")
}

impl View for Diagnosis {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.findings.iter().try_for_each(|finding| one(finding, out))?;
        match &self.crash_test {
            Some(crash_test) => figures(crash_test, out),
            None => Ok(()),
        }
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::maintenance::diagnosis(self, out)
    }
}

fn one(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let level = match finding.level {
        Level::Well => "ok",
        Level::Warning => "warning",
        Level::Problem(_) => "problem",
    };
    writeln!(out, "{level:<8} {:<12} {}", finding.subject, Printable(&finding.message))?;
    match &finding.advice {
        Some(advice) => writeln!(out, "{:21} -> {}", "", Printable(advice)),
        None => Ok(()),
    }
}

fn figures(crash_test: &CrashTest, out: &mut dyn Write) -> io::Result<()> {
    let CrashTest { cycles, killed, acknowledged, lost, elapsed } = crash_test;
    writeln!(out, "crash test: {cycles} cycles in {}, {killed} processes killed", span(*elapsed))?;
    writeln!(out, "            {acknowledged} additions acknowledged, {lost} lost")
}
