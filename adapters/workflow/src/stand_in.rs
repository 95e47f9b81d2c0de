//! Stand-ins for the runners of a workflow, so that the workflow runs to its end before its runners
//! exist.
//!
//! A stand-in is one script for all commands and tasks. It prints what a runner is given, and
//! returns example values. `autoproc.toml` gets an entry for each command and task without a
//! runner. A further file contains the example values, one line for each phase with a step that
//! needs a runner. A file that exists is never replaced, and the existing lines of `autoproc.toml`
//! stay as they are.

mod comparisons;
mod samples;
mod simulation;
mod values;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use autoproc_regular_file as regular_file;
use autoproc_system::{creating_folder, replace, replace_durably};
use serde_json::json;

use crate::definition::{Input, Step, Workflow};
use crate::execution::Plan;
use crate::read::small_file;
use crate::runners::{FILE_NAME, MissingRunner, Runners, RunnersError};

use samples::text_of_input;
use simulation::Examples;

/// The path of the script, relative to the project folder.
const SCRIPT: &str = "runners/stand-in";

const SCRIPT_TEXT: &str = include_str!("stand_in/script.sh");

/// The files and lines that [`add_stand_ins`] has written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StandIns {
    /// The files that were created, relative to the project folder, without `autoproc.toml`.
    pub created: Vec<PathBuf>,
    /// The entries that were added to `autoproc.toml`, below the header of their table even if the
    /// file already had the header.
    pub lines: Vec<String>,
    /// The inputs to give so that the workflow runs to its end, as far as such inputs were found.
    /// Contains an example text for each, in the order of the file. `file` and `files` are left
    /// out.
    pub inputs: Vec<(String, String)>,
}

/// The reason why stand-ins cannot be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum StandInError {
    #[error("cannot write {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Runners(#[from] RunnersError),
    /// No place in `autoproc.toml` was found for the lines. The file has not changed.
    #[error("cannot add lines to {}: the table of runners is written in an unusual form", path.display())]
    NoPlace { path: PathBuf, lines: Vec<String> },
}

/// Adds a stand-in for each command and task of the workflow of `plan` that has no runner.
/// `project` is the project folder. Writes nothing if every command and task already has a runner
/// other than a stand-in.
///
/// # Errors
/// [`StandInError`] if `autoproc.toml` cannot be read, is invalid or has no place for the lines;
/// nothing has been written then. [`StandInError`] also if a file cannot be written; the files
/// written before the error stay, and a second call writes the rest.
pub fn add_stand_ins(project: &Path, plan: &Plan) -> Result<StandIns, StandInError> {
    let path = project.join(FILE_NAME);
    let (text, runners) = (text_of(&path)?, Runners::read(project)?);
    let program = program(project, plan.workflow());
    let missing = missing_runners(plan.workflow(), &runners);
    let examples = values::of(plan);
    let mut added = StandIns { inputs: input_texts(plan.workflow(), &examples), ..StandIns::default() };
    let new_text = if missing.is_empty() {
        None
    } else {
        let with_lines = runners.with_stand_ins(&text, &missing, &program);
        let (new_text, lines) = with_lines.map_err(|lines| StandInError::NoPlace { path: path.clone(), lines })?;
        added.lines = lines;
        Some(new_text)
    };
    if new_text.is_some() || uses_stand_in(plan.workflow(), &runners) {
        let values = format!("runners/{}.values", plan.workflow().id);
        for (name, text, mode) in
            [(SCRIPT, SCRIPT_TEXT, 0o755), (values.as_str(), &values_text(plan, &examples), 0o644)]
        {
            if create(&project.join(name), text, mode)? {
                added.created.push(name.into());
            }
        }
    }
    if let Some(new_text) = new_text {
        replace_kept_mode(&path, &new_text).map_err(|source| StandInError::Io { path, source })?;
    }
    Ok(added)
}

fn text_of(path: &Path) -> Result<String, RunnersError> {
    match small_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|source| RunnersError::Io { path: path.to_owned(), source }),
    }
}

/// Returns the program of the stand-in. It is relative to the project folder, unless a step that
/// needs a runner has the key `workdir`. It is also relative if the path of the project folder is
/// not UTF-8.
fn program(project: &Path, workflow: &Workflow) -> String {
    let starts_elsewhere = |step: &Step| step.needs_runner() && step.workdir.is_some();
    let absolute = project.join(SCRIPT).to_str().map(str::to_owned);
    absolute.filter(|_| all_steps(workflow).any(starts_elsewhere)).unwrap_or_else(|| SCRIPT.to_owned())
}

fn all_steps(workflow: &Workflow) -> impl Iterator<Item = &Step> {
    workflow.steps().chain(workflow.error_steps())
}

fn missing_runners(workflow: &Workflow, runners: &Runners) -> Vec<MissingRunner> {
    let mut missing = Vec::<MissingRunner>::new();
    for error in all_steps(workflow).filter_map(|step| runners.for_step(step).err()) {
        if !missing.iter().any(|known| known.needed == error.needed) {
            missing.push(error);
        }
    }
    missing
}

/// True if a stand-in carries out a step of the workflow. The stand-in may have been added for
/// another workflow.
fn uses_stand_in(workflow: &Workflow, runners: &Runners) -> bool {
    let is_stand_in = |step: &Step| {
        let runner = runners.for_step(step).ok().flatten();
        runner.is_some_and(|runner| Path::new(runner.program()).ends_with(SCRIPT))
    };
    all_steps(workflow).any(is_stand_in)
}

/// Returns the example values after a line of explanation. Each phase with a step that needs a
/// runner has one line: its id, and an object in JSON.
fn values_text(plan: &Plan, examples: &Examples) -> String {
    let mut text =
        "# What the stand-in returns in each phase. To renew it, remove this file and repeat `workflow init`.\n"
            .to_owned();
    for phase in plan.workflow().phases.iter().filter(|phase| phase.steps.iter().any(Step::needs_runner)) {
        if let Some(values) = examples.values.get(&phase.id) {
            let _ = writeln!(text, "{} {}", phase.id, json!(values));
        }
    }
    text
}

fn input_texts(workflow: &Workflow, examples: &Examples) -> Vec<(String, String)> {
    let is_given =
        |input: &&Input| examples.inputs.contains(&input.name) && !["file", "files"].contains(&input.name.as_str());
    workflow.inputs.iter().filter(is_given).map(|input| (input.name.clone(), text_of_input(input))).collect()
}

/// Creates a file, and its folder if that is missing; returns false if the path exists already.
fn create(path: &Path, text: &str, mode: u32) -> Result<bool, StandInError> {
    let mut options = OpenOptions::new();
    options.write(true).mode(mode);
    let created = creating_folder(path, || regular_file::create(&mut options, path));
    let written = created.and_then(|mut file| {
        // Removes an incomplete file, because a second call would not replace it.
        file.write_all(text.as_bytes()).inspect_err(|_| drop(fs::remove_file(path)))
    });
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(StandInError::Io { path: path.to_owned(), source }),
    }
}

/// Replaces the file at `path`, or the file to which a link at `path` leads, and keeps its
/// permissions. If there is no file, creates one.
fn replace_kept_mode(path: &Path, text: &str) -> io::Result<()> {
    match fs::canonicalize(path) {
        Ok(file) => {
            let permissions = fs::metadata(&file)?.permissions();
            replace_durably(&file, text.as_bytes(), Some(permissions))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(path, text.as_bytes()),
        Err(error) => Err(error),
    }
}
