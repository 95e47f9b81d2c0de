//! What a workflow needs of its project: runners and task files.

use std::collections::BTreeSet;

use crate::definition::{Action, Step, Workflow};
use crate::problem::{Problem, Problems};
use crate::runners::Runners;
use crate::task::{TaskFolders, TaskSource};

/// Looks at runners and task files. What is missing is a warning, because it may be there when the workflow runs.
pub(crate) fn around(workflow: &Workflow, runners: &Runners, tasks: &TaskFolders, problems: &mut Problems) {
    let (mut told, mut looked_at) = (BTreeSet::new(), BTreeSet::new());
    for step in workflow.phases.iter().flat_map(|phase| &phase.steps) {
        if let Err(missing) = runners.for_step(step)
            && told.insert(missing.lines.clone())
        {
            problems.add(Problem::warning(step.position, missing.to_string()));
        }
        if let Action::Task(task) = &step.action
            && looked_at.insert(task.value.as_str())
        {
            look_at(&task.value, step, tasks, problems);
        }
    }
}

fn look_at(task: &str, step: &Step, tasks: &TaskFolders, problems: &mut Problems) {
    match tasks.find(task) {
        Ok(TaskSource::File(_)) => {}
        Ok(TaskSource::Name(name)) => {
            problems.add({
                Problem::note(step.position, format!("the task `{name}` has no file: its runner gets the name"))
            });
        }
        Ok(TaskSource::Missing(path)) => problems.add({
            let message = format!("there is no task file {}: its runner gets the path all the same", path.display());
            Problem::warning(step.position, message)
        }),
        Err(error) => problems.add(Problem::error(step.position, error.to_string())),
    }
}
