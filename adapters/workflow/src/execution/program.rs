//! The programs behind steps that only name what they want done.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::event::Values;
use crate::definition::{Action, Step, Workflow};
use crate::runners::{Fill, MissingRunner, Runners};
use crate::task::{TaskFolders, TaskSource};

/// A program, its arguments, and what its environment gains for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) executable: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// What a runner makes of a step: words that may hold the likeness of a path, and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) words: Vec<String>,
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// The runners of a project, and its task files.
#[derive(Debug, Clone)]
pub struct Programs {
    runners: Runners,
    tasks: TaskFolders,
}

/// Where a step stands, for its runner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) file: &'p str,
    pub(crate) workflow: &'p str,
    pub(crate) phase: &'p str,
}

/// What a step names.
struct Named {
    /// The task's file, or its name; empty for a command.
    task: String,
    name: String,
    /// The fields of the task's table, as variables.
    fields: Vec<(OsString, OsString)>,
}

impl Programs {
    /// The runners of a project; task files are looked for from the workflow's file and the project's folder.
    #[must_use]
    pub fn new(runners: Runners, project: &Path, workflow: &Path) -> Self {
        Self { runners, tasks: TaskFolders::of(project, workflow) }
    }

    /// The first step that would run on every file and that has no runner.
    ///
    /// # Errors
    /// [`MissingRunner`], which says what to add.
    pub fn check(&self, workflow: &Workflow) -> Result<(), MissingRunner> {
        let certain = workflow.phases.iter().filter(|phase| phase.condition.is_none());
        let mut steps = certain.flat_map(|phase| &phase.steps).filter(|step| step.condition.is_none());
        steps.try_for_each(|step| self.runners.for_step(step).map(|_| ()))
    }

    /// The program of a step that names a command or a task, as words still to be made exact.
    pub(crate) fn of(&self, step: &Step, place: Place<'_>, inputs: &Values) -> Result<Command, String> {
        let runner = self.runners.for_step(step).map_err(|error| error.to_string())?;
        let runner = runner.ok_or_else(|| "it needs no runner".to_owned())?;
        let Named { task, name, fields } = self.named(step)?;
        let Place { file, workflow, phase } = place;
        let fill = Fill { file, task: &task, name: &name, workflow, phase, step: &step.id, inputs };
        let words = runner.fill(&fill).map_err(|error| error.to_string())?;
        Ok(Command { words, environment: fields })
    }

    fn named(&self, step: &Step) -> Result<Named, String> {
        match &step.action {
            Action::Task(task) => self.task(&task.value),
            Action::Command(name) => Ok(Named { task: String::new(), name: name.value.clone(), fields: Vec::new() }),
            Action::Run(_) | Action::Shell(_) => Err("it names neither a command nor a task".to_owned()),
        }
    }

    /// A file that is missing is the runner's to miss: it may know tasks that are no files.
    fn task(&self, task: &str) -> Result<Named, String> {
        let (path, name, mut fields) = match self.tasks.find(task).map_err(|error| error.to_string())? {
            TaskSource::File(file) => {
                let fields: Vec<_> =
                    file.fields.iter().map(|field| (variable(&field.name), field.value.clone().into())).collect();
                (file.path.clone(), file.field("task_name").map(str::to_owned), fields)
            }
            TaskSource::Name(name) => (PathBuf::from(name), None, Vec::new()),
            TaskSource::Missing(path) => (path, None, Vec::new()),
        };
        let word = path.to_str().ok_or_else(|| format!("the path of the task {task} is not UTF-8"))?.to_owned();
        fields.push(("AUTOPROC_TASK".into(), word.clone().into()));
        Ok(Named { task: word, name: name.unwrap_or_else(|| task.to_owned()), fields })
    }
}

/// `task_id` and `Task ID` are told as `AUTOPROC_TASK_ID`, any other field `x` as `AUTOPROC_TASK_X`.
fn variable(field: &str) -> OsString {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    let name: String = field.chars().map(letter).collect();
    let name = name.strip_prefix("TASK_").unwrap_or(&name);
    format!("AUTOPROC_TASK_{name}").into()
}
