//! Finds the program for a command or a task.

use std::path::{Path, PathBuf};

use autoproc_domain::FilePath;

use super::build_error::BuildError;
use super::rendering::Given;
use super::variables::{Variables, variable_name};
use crate::definition::{Action, Phase, Step, Workflow};
use crate::runners::{Fill, MissingRunner, Runners};
use crate::task::{TaskFolders, TaskSource};

/// The runners of a project and the folders of its task files.
#[derive(Debug, Clone)]
pub struct Programs {
    runners: Runners,
    tasks: TaskFolders,
}

struct Named {
    /// The task's file or name; empty for a command.
    task: String,
    name: String,
    variables: Variables,
}

impl Programs {
    /// Creates an instance with the runners of a project. The path of the workflow file,
    /// `workflow`, determines in which folders task files are searched for.
    #[must_use]
    pub fn new(runners: Runners, project: &Path, workflow: &Path) -> Self {
        Self { runners, tasks: TaskFolders::of(project, workflow) }
    }

    /// Checks that each step of a phase or of the rollback has a runner if it needs one. Ignores
    /// steps that a condition may skip. Ignores `on_error` too, because steps without a runner are
    /// omitted there.
    ///
    /// # Errors
    /// [`MissingRunner`] for the first step without a runner.
    pub fn check(&self, workflow: &Workflow) -> Result<(), MissingRunner> {
        let certain = workflow.phases.iter().filter(|phase| phase.condition.is_none());
        let mut steps =
            certain.chain(&workflow.rollback).flat_map(|phase| &phase.steps).filter(|step| step.condition.is_none());
        steps.try_for_each(|step| self.runners.for_step(step).map(|_| ()))
    }

    pub(super) fn can_run(&self, step: &Step) -> bool {
        self.runners.for_step(step).is_ok()
    }

    /// Returns the program, arguments and variables for a command or a task.
    ///
    /// # Errors
    /// [`BuildError`] if the runner or the task cannot be used, or a placeholder has no value.
    pub(super) fn of(
        &self,
        workflow: &Workflow,
        file: &FilePath,
        phase: &Phase,
        step: &Step,
        given: &Given,
    ) -> Result<(Vec<String>, Variables), BuildError> {
        let runner = self.runners.for_step(step).map_err(|error| error.to_string())?;
        let runner = runner.ok_or_else(|| "the step needs no runner".to_owned())?;
        let Named { task, name, variables } = match &step.action {
            Action::Task(task) => self.task(&task.value)?,
            Action::Command(name) => Named { task: String::new(), name: name.value.clone(), variables: Vec::new() },
            Action::Run(_) | Action::Shell(_) => {
                return Err("the step names neither a command nor a task".to_owned().into());
            }
        };
        let values = Fill {
            file: &file.text(),
            task: &task,
            name: &name,
            workflow: &workflow.id,
            phase: &phase.id,
            step: &step.id,
            inputs: &given.inputs,
            params: &given.params,
        };
        Ok((runner.fill(&values)?, variables))
    }

    /// A missing file is not an error, because the runner may know the task.
    fn task(&self, task: &str) -> Result<Named, BuildError> {
        let (path, name, mut variables) = match self.tasks.find(task)? {
            TaskSource::File(file) => {
                let variable = |field: &str| variable(field).into();
                let fields = file.fields.iter().map(|field| (variable(&field.name), field.value.clone().into()));
                (file.path.clone(), file.field("task_name").map(str::to_owned), fields.collect())
            }
            TaskSource::Name(name) => (PathBuf::from(name), None, Vec::new()),
            TaskSource::Missing(path) => (path, None, Vec::new()),
        };
        let word = path.to_str().ok_or_else(|| format!("the path of the task {task} is not UTF-8"))?.to_owned();
        variables.push(("AUTOPROC_TASK".into(), word.clone().into()));
        Ok(Named { task: word, name: name.unwrap_or_else(|| task.to_owned()), variables })
    }
}

fn variable(field: &str) -> String {
    let name = variable_name(field);
    format!("AUTOPROC_TASK_{}", name.strip_prefix("TASK_").unwrap_or(&name))
}
