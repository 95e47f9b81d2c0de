//! Prints executions for people.

use std::io::{self, Write};

use autoproc_domain::ports::AttemptOutcome;

use crate::escape::Printable;
use crate::render::human::quoting::quoted;
use crate::render::{View, json, span};
use crate::view::{ExecutionOver, Executions, FileProgress, Preview};
use crate::wiring::{ExecutionStatus, Forecast, PreviewedStep, ProgressReport};

impl View for Executions {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|execution| progress(execution, out))
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::execution::executions(self, out)
    }
}

fn progress(execution: &FileProgress, out: &mut dyn Write) -> io::Result<()> {
    let report = &execution.report;
    let (file, status) = (Printable(&execution.file), report.status.word());
    let (over, total, elapsed) = (report.steps_over, report.steps_total, span(report.elapsed));
    writeln!(
        out,
        "{file}: {} {status}, {:.1}% ({over} of {total} steps) in {elapsed}",
        report.workflow_id, report.percent
    )?;
    let current = report.current_phase.as_ref().filter(|_| report.status != ExecutionStatus::Completed);
    if let Some(phase) = current {
        let task = report.current_task.as_ref().map(|task| format!("/{task}")).unwrap_or_default();
        let estimate = report.estimate.map(|left| format!(", about {} left", span(left))).unwrap_or_default();
        writeln!(out, "  at {phase}{task}{estimate}")?;
    }
    match &execution.error {
        Some(error) => writeln!(out, "  {}", Printable(error)),
        None => Ok(()),
    }
}

impl View for ExecutionOver {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let took = span(self.report.elapsed);
        match self.report.outcome {
            AttemptOutcome::Succeeded => writeln!(out, "completed {} in {took}", self.file),
            AttemptOutcome::Aborted => writeln!(out, "ended {} after {took}, as asked", self.file),
            _ => writeln!(out, "failed {} after {took}: {}", self.file, Printable(&self.report.error())),
        }
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::execution::over(self, out)
    }
}

impl View for Preview {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Command { file, words } => {
                let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
                writeln!(out, "for {file}\n  {}", Printable(&line))
            }
            Self::Workflow { file, taken_up, steps } => {
                writeln!(out, "for {file}")?;
                taken_up.iter().try_for_each(|report| goes_on(report, out))?;
                steps.iter().try_for_each(|step| preview(step, out))
            }
        }
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::execution::preview(self, out)
    }
}

fn goes_on(report: &ProgressReport, out: &mut dyn Write) -> io::Result<()> {
    let (over, total) = (report.steps_over, report.steps_total);
    let places = [&report.current_phase, &report.current_task];
    let place = places.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("/");
    let at = if place.is_empty() { String::new() } else { format!(", at {}", Printable(&place)) };
    writeln!(out, "  resumes where an earlier attempt ended: {over} of {total} steps are over{at}")
}

fn preview(step: &PreviewedStep, out: &mut dyn Write) -> io::Result<()> {
    let when = match &step.forecast {
        Forecast::Runs => String::new(),
        Forecast::Skipped(condition) => format!(" (skipped: `{condition}` does not hold)"),
        Forecast::Depends(conditions) => format!(" (if {})", conditions.join(" and ")),
    };
    writeln!(out, "{}/{}{}", step.phase, step.step, Printable(&when))?;
    if matches!(step.forecast, Forecast::Skipped(_)) {
        return Ok(());
    }
    let variables = step.variables.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
    let words = variables.chain(step.words.iter().map(|word| quoted(word))).collect::<Vec<_>>().join(" ");
    let text = step.error.clone().unwrap_or(words);
    // A script has several lines.
    text.lines().try_for_each(|line| writeln!(out, "  {}", Printable(line)))
}
