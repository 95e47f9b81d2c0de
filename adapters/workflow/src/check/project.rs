use std::collections::BTreeSet;

use crate::definition::{Action, Step, Workflow};
use crate::problem::Problems;
use crate::runners::Runners;
use crate::task::{TaskFolders, TaskSource};

/// Checks the runners and task files of the steps. A missing runner or task file is no error,
/// because it may be added before the run.
pub(crate) fn check_project(workflow: &Workflow, runners: &Runners, tasks: &TaskFolders, problems: &mut Problems) {
    let (mut reported, mut checked) = (BTreeSet::new(), BTreeSet::new());
    let mut with_tasks: Vec<_> = workflow.steps().collect();
    for step in workflow.steps() {
        if let Err(missing) = runners.for_step(step)
            && reported.insert(missing.lines.clone())
        {
            problems.warning(step.position, missing.to_string());
        }
    }
    for step in workflow.error_steps() {
        match runners.for_step(step) {
            Ok(_) => with_tasks.push(step),
            Err(missing) => {
                let message = format!("no runner for {}, so this step of `on_error` is omitted", missing.needed);
                problems.note(step.position, message);
            }
        }
    }
    for step in with_tasks {
        if let Action::Task(task) = &step.action
            && checked.insert(task.value.as_str())
        {
            check_task(&task.value, step, tasks, problems);
        }
    }
}

fn check_task(task: &str, step: &Step, tasks: &TaskFolders, problems: &mut Problems) {
    match tasks.find(task) {
        Ok(TaskSource::File(_)) => {}
        Ok(TaskSource::Name(name)) => {
            problems.note(step.position, format!("the task `{name}` has no file; its runner receives only the name"));
        }
        Ok(TaskSource::Missing(path)) => {
            let message = format!(
                "the task file {} does not exist; a runner receives only its path, not its text",
                path.display()
            );
            problems.warning(step.position, message);
        }
        Err(error) => {
            problems.error(step.position, error.to_string());
        }
    }
}
