//! Generates stand-ins for missing runners, so that users can try workflows.
//!
//! All commands and tasks without a runner get one shared script. The script prints the data that a
//! runner would receive, and returns example values. Existing files stay as they are, except that
//! `autoproc.toml` gets additional lines.

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

const SCRIPT: &str = "runners/stand-in";

const SCRIPT_TEXT: &str = include_str!("stand_in/script.sh");

/// The files and lines that [`add_stand_ins`] wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StandIns {
    /// The created files, relative to the project folder. `autoproc.toml` is not among them.
    pub created: Vec<PathBuf>,
    /// The lines added to `autoproc.toml`. They include the header of each changed table, even if
    /// the file already had it.
    pub lines: Vec<String>,
    /// The inputs to give to the workflow: the name and an example text of each, in the order of
    /// the workflow file. With these inputs, an execution gets as far as possible. `file` and
    /// `files` are not among them.
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
    /// `autoproc.toml` has no suitable position for the lines. The file has not changed.
    #[error("cannot add lines to {}: the table of runners is written in an unusual form", path.display())]
    NoPlace { path: PathBuf, lines: Vec<String> },
}

/// Assigns a stand-in to each command and task of the workflow that has no runner, and writes the
/// files of the stand-in. Writes nothing if each command and task has a real runner. `project` is
/// the project folder.
///
/// # Errors
/// Fails without writing anything if `autoproc.toml` cannot be read, is invalid, or has no suitable
/// position for new lines. Also fails if a file cannot be written. Files written before this
/// failure stay, and a second call writes the others.
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

/// Returns the path of the script. The path is absolute if a step starts in another folder.
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

fn uses_stand_in(workflow: &Workflow, runners: &Runners) -> bool {
    let is_stand_in = |step: &Step| {
        let runner = runners.for_step(step).ok().flatten();
        runner.is_some_and(|runner| Path::new(runner.program()).ends_with(SCRIPT))
    };
    all_steps(workflow).any(is_stand_in)
}

/// Returns the ids and example values of phases that need a runner, one phase per line.
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

/// Returns false if the path already exists.
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

/// Writes the file at `path`. Follows a symbolic link, and keeps existing permissions.
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
