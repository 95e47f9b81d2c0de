//! The answers of `workflow …`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::print;
use crate::view::{CheckedFile, WorkflowShown, WorkflowsChecked, WorkflowsListed, count};
use crate::wiring::workflow_definition::{Action, Located, Phase, Step, Workflow};
use crate::wiring::{ListedWorkflow, Problem, Severity, WorkflowFile};

pub(in crate::render) fn listed(view: &WorkflowsListed, out: &mut dyn Write) -> io::Result<()> {
    print(out, &json!({ "workflows": view.workflows.iter().map(one_listed).collect::<Vec<_>>() }))
}

fn one_listed(listed: &ListedWorkflow) -> Value {
    let workflow = listed.file.workflow.as_ref();
    json!({
        "id": listed.id,
        "name": workflow.and_then(|workflow| workflow.name.as_deref()),
        "path": listed.file.path.to_string_lossy(),
        "hidden": listed.is_hidden,
        "phases": workflow.map(|workflow| workflow.phases.len()),
        "steps": workflow.map(|workflow| workflow.phases.iter().map(|phase| phase.steps.len()).sum::<usize>()),
        "errors": count(&listed.file, Severity::Error),
        "warnings": count(&listed.file, Severity::Warning),
    })
}

pub(in crate::render) fn checked(view: &WorkflowsChecked, out: &mut dyn Write) -> io::Result<()> {
    let files: Vec<_> = view.files.iter().map(file).collect();
    print(out, &json!({ "exit_code": view.exit_code() as u8, "files": files }))
}

fn file(file: &CheckedFile) -> Value {
    match file {
        CheckedFile::Read(file) => json!({
            "path": file.path.to_string_lossy(),
            "id": file.workflow.as_ref().map(|workflow| workflow.id.as_str()),
            "usable": !file.has_errors(),
            "problems": problems(file),
        }),
        CheckedFile::Unreadable { word, error } => {
            json!({ "path": word, "id": null, "usable": false, "error": error, "problems": [] })
        }
    }
}

fn problems(file: &WorkflowFile) -> Vec<Value> {
    let problem = |problem: &Problem| {
        json!({
            "severity": problem.severity.word(),
            "line": problem.position.line,
            "column": problem.position.column,
            "message": problem.message,
            "expected": problem.expected,
            "did_you_mean": problem.meant,
        })
    };
    file.problems.iter().map(problem).collect()
}

pub(in crate::render) fn shown(view: &WorkflowShown, out: &mut dyn Write) -> io::Result<()> {
    let Workflow { id, name, description, version, inputs, phases, transitions, .. } = &view.workflow;
    let input = |input: &crate::wiring::workflow_definition::Input| {
        json!({
            "name": input.name,
            "type": input.kind.word(),
            "required": input.required,
            "default": input.default,
            "description": input.description,
        })
    };
    let transition = |transition: &crate::wiring::workflow_definition::Transition| {
        json!({
            "from": transition.from.value,
            "to": transition.to.value,
            "condition": text(transition.condition.as_ref()),
        })
    };
    let document = json!({
        "id": id,
        "name": name,
        "description": description,
        "version": version,
        "path": view.path.to_string_lossy(),
        "inputs": inputs.iter().map(input).collect::<Vec<_>>(),
        "phases": phases.iter().map(phase).collect::<Vec<_>>(),
        "transitions": transitions.iter().map(transition).collect::<Vec<_>>(),
    });
    print(out, &document)
}

fn phase(phase: &Phase) -> Value {
    let checkpoint = phase.checkpoint.as_ref().map(|checkpoint| {
        json!({
            "id": checkpoint.id,
            "blocking": checkpoint.blocking,
            "validation": checkpoint.validation.iter().map(|name| name.value.as_str()).collect::<Vec<_>>(),
        })
    });
    json!({
        "id": phase.id,
        "name": phase.name,
        "description": phase.description,
        "condition": text(phase.condition.as_ref()),
        "blocking": phase.blocking,
        "steps": phase.steps.iter().map(step).collect::<Vec<_>>(),
        "checkpoint": checkpoint,
    })
}

fn step(step: &Step) -> Value {
    let (kind, action) = match &step.action {
        Action::Run(words) => ("run", json!(words.iter().map(|word| word.value.as_str()).collect::<Vec<_>>())),
        Action::Shell(line) => ("shell", json!(line.value)),
        Action::Command(name) => ("command", json!(name.value)),
        Action::Task(task) => ("task", json!(task.value)),
    };
    json!({
        "id": step.id,
        "condition": text(step.condition.as_ref()),
        kind: action,
        "inputs": step.inputs.iter().map(|input| (input.name.clone(), input.value.clone())).collect::<serde_json::Map<_, _>>(),
        "timeout_s": step.timeout.map(|timeout| timeout.as_secs_f64()),
        "retries": step.retries,
    })
}

fn text(text: Option<&Located<String>>) -> Option<&str> {
    text.map(|text| text.value.as_str())
}
