//! `workflow check`: prints the problems of workflow files.

use std::io::{self, Write};
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use autoproc_domain::path::is_unprintable;
use autoproc_workflow::execution::Plan;
use autoproc_workflow::{FindError, Problem, Severity, WorkflowFile};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::choice::{WorkflowFolderArgs, count, from_base};
use super::expected::{PhaseExpected, PhaseExpectedJson};
use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::exit_code::ExitCode;
use crate::view::View;
use crate::view::screen::Screen;
use crate::wiring::find_error;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();

/// The maximum width of a printed source line, in characters. Most terminals would wrap longer
/// lines.
const SHOWN_COLUMNS: usize = 100;

/// The arguments of `workflow check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Warnings and notes do not fail the check: a missing runner or task file may exist when the workflow is executed.

Exit status:
  0   no errors
  78  errors, or a file that cannot be read

Examples:
  autoproc workflow check my-workflow.yaml
  autoproc workflow check core/workflows/*.yaml --json
  autoproc workflow check my-workflow.yaml --strict"
)]
pub(crate) struct CheckArgs {
    /// Workflow files, or ids
    #[arg(value_name = "FILE", required = true, add = Candidates::Workflows, value_parser = NonEmptyStringValueParser::new())]
    files: Vec<String>,
    /// Treat keys that are probably misspelt, and undefined names, as errors
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    folder: WorkflowFolderArgs,
}

pub(super) fn check(args: &CheckArgs, context: &Context) -> Result<ExitCode, CliError> {
    let catalogue = args.folder.catalogue(context);
    let mut files = Vec::new();
    for word in &args.files {
        files.push(match catalogue.find(word, &context.cwd) {
            Ok(mut file) => {
                if args.strict {
                    file.make_strict();
                }
                CheckedFile::Read(Box::new(file))
            }
            Err(error @ FindError::Runners(_)) => return Err(find_error(&error)),
            Err(error) => CheckedFile::Unreadable { word: word.clone(), error: error.to_string() },
        });
    }
    let checked = WorkflowsChecked { base: context.cwd.clone(), files };
    context.show(&checked)?;
    Ok(checked.exit_code())
}

struct WorkflowsChecked {
    /// Paths below this folder are shown relative to it.
    base: PathBuf,
    files: Vec<CheckedFile>,
}

fn expected_of(file: &WorkflowFile) -> Vec<PhaseExpected> {
    let workflow = file.workflow.as_ref().filter(|_| !file.has_errors());
    workflow.map(|workflow| PhaseExpected::of_workflow(&Plan::new(workflow.clone()))).unwrap_or_default()
}

enum CheckedFile {
    Read(Box<WorkflowFile>),
    Unreadable { word: String, error: String },
}

impl WorkflowsChecked {
    fn exit_code(&self) -> ExitCode {
        let is_good = |file: &CheckedFile| matches!(file, CheckedFile::Read(file) if !file.has_errors());
        if self.files.iter().all(is_good) { ExitCode::Success } else { ExitCode::Config }
    }
}

impl View for WorkflowsChecked {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
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

    fn document(&self) -> impl Serialize {
        CheckedJson { exit_code: self.exit_code() as u8, files: self.files.iter().map(FileJson::from).collect() }
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
        for expected in expected_of(file) {
            writeln!(out, "{path}: {}", Printable(&expected.line()))?;
        }
        writeln!(out, "{path}: {}", sum(file))
    }
}

fn excerpt(file: &WorkflowFile, problem: &Problem, out: &mut dyn Write) -> io::Result<()> {
    let Some(line) = file.line(problem.position.line) else { return Ok(()) };
    let before = usize::try_from(problem.position.column).unwrap_or(1).saturating_sub(1);
    let start = before.saturating_sub(SHOWN_COLUMNS / 2);
    // Prints each unprintable character as one blank, because a position counts a tab as one
    // column.
    let shown: String =
        line.chars().skip(start).take(SHOWN_COLUMNS).map(|c| if is_unprintable(c) { ' ' } else { c }).collect();
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

#[derive(Serialize)]
struct CheckedJson<'a> {
    exit_code: u8,
    files: Vec<FileJson<'a>>,
}

#[derive(Serialize)]
struct FileJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    id: Option<&'a str>,
    path: String,
    expected: Vec<PhaseExpectedJson>,
    problems: Vec<ProblemJson<'a>>,
    usable: bool,
}

impl<'a> From<&'a CheckedFile> for FileJson<'a> {
    fn from(file: &'a CheckedFile) -> Self {
        match file {
            CheckedFile::Read(file) => Self {
                error: None,
                id: file.workflow.as_ref().map(|workflow| workflow.id.as_str()),
                path: file.path.to_string_lossy().into_owned(),
                expected: expected_of(file).into_iter().map(PhaseExpectedJson::from).collect(),
                problems: file.problems.iter().map(ProblemJson::from).collect(),
                usable: !file.has_errors(),
            },
            CheckedFile::Unreadable { word, error } => Self {
                error: Some(error),
                id: None,
                path: word.clone(),
                expected: Vec::new(),
                problems: Vec::new(),
                usable: false,
            },
        }
    }
}

#[derive(Serialize)]
struct ProblemJson<'a> {
    column: u32,
    did_you_mean: Option<&'a str>,
    expected: Option<&'a str>,
    line: u32,
    message: &'a str,
    severity: &'static str,
}

impl<'a> From<&'a Problem> for ProblemJson<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self {
            column: problem.position.column,
            did_you_mean: problem.meant.as_deref(),
            expected: problem.expected.as_deref(),
            line: problem.position.line,
            message: &problem.message,
            severity: problem.severity.word(),
        }
    }
}
