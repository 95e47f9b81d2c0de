//! `workflow check`: each problem in the style of a compiler, with the source line and a mark below
//! it.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::escape::{Printable, Shown};
use crate::render::{View, json};
use crate::view::{CheckedFile, WorkflowsChecked, count, from_base};
use crate::wiring::{Problem, Severity, WorkflowFile};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();

/// Longer lines are cut to the part around the mark, because most terminals would wrap them.
const SHOWN_COLUMNS: usize = 100;

impl View for WorkflowsChecked {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            match file {
                CheckedFile::Read(file) => self.file(file, out)?,
                CheckedFile::Unreadable { word, error } => {
                    writeln!(out, "{}: {ERROR}error:{ERROR:#} {}", Printable(word), Printable(error))?;
                }
            }
        }
        Ok(())
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::workflow::checked(self, out)
    }
}

impl WorkflowsChecked {
    fn file(&self, file: &WorkflowFile, out: &mut dyn Write) -> io::Result<()> {
        let path = Shown(from_base(&self.base, &file.path)).to_string();
        for problem in &file.problems {
            let style = style(problem.severity);
            let (place, word) = (problem.position, problem.severity.word());
            writeln!(out, "{path}:{place}: {style}{word}:{style:#} {}", Printable(&problem.to_string()))?;
            if problem.severity == Severity::Error {
                excerpt(file, problem, out)?;
            }
        }
        writeln!(out, "{path}: {}", sum(file))
    }
}

fn excerpt(file: &WorkflowFile, problem: &Problem, out: &mut dyn Write) -> io::Result<()> {
    let Some(line) = file.line(problem.position.line) else { return Ok(()) };
    let before = usize::try_from(problem.position.column).unwrap_or(1).saturating_sub(1);
    let start = before.saturating_sub(SHOWN_COLUMNS / 2);
    // A tab is one column of the file, and must be one here.
    let shown: String =
        line.chars().skip(start).take(SHOWN_COLUMNS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let number = problem.position.line.to_string();
    writeln!(out, "  {number} | {shown}")?;
    writeln!(out, "  {:width$} | {:>column$}", "", "^", width = number.len(), column = before - start + 1)
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
        Severity::Note => NOTE,
    }
}

fn sum(file: &WorkflowFile) -> String {
    let of = |severity: Severity| {
        let count = count(file, severity);
        format!("{count} {}{}", severity.word(), if count == 1 { "" } else { "s" })
    };
    format!("{}, {}, {}", of(Severity::Error), of(Severity::Warning), of(Severity::Note))
}
