//! Prints a workflow as a tree.

use std::io::{self, Write};
use std::path::Path;

use autoproc_workflow::definition::{
    Action, Checkpoint, Input, Located, OnFail, Phase, Rerun, Step, StepOutput, Transition,
};
use autoproc_workflow::execution::Plan;

use super::expected::PhaseExpected;
use crate::escape::{Printable, Shown};
use crate::view::quoting::quoted_template;
use crate::view::screen::Screen;
use crate::view::time::span;

pub(super) fn print(plan: &Plan, path: &Path, out: &mut Screen<'_>) -> io::Result<()> {
    let workflow = plan.workflow();
    let name = workflow.name.as_deref().map(|name| format!(": {name}")).unwrap_or_default();
    let version = workflow.version.as_deref().map(|version| format!(" ({version})")).unwrap_or_default();
    writeln!(out, "{}", Printable(&format!("{}{name}{version}", workflow.id)))?;
    writeln!(out, "{}", Shown(path))?;
    if let Some(description) = &workflow.description {
        writeln!(out, "{}", Printable(description.trim()))?;
    }
    workflow.inputs.iter().try_for_each(|one| input(one, out))?;
    workflow.phases.iter().try_for_each(|one| phase(plan, one, workflow.transitions_from(&one.id), out))?;
    let mut aside = workflow.rollback.iter().chain(&workflow.on_error);
    aside.try_for_each(|one| phase(plan, one, std::iter::empty(), out))
}

fn input(input: &Input, out: &mut Screen<'_>) -> io::Result<()> {
    let required = if input.required { ", required" } else { "" };
    let default = input.default.as_ref().map(|default| format!(", {default} by default")).unwrap_or_default();
    let description = input.description.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
    let line = format!("{} ({}{required}{default}){description}", input.name, input.kind.word());
    writeln!(out, "  input {}", Printable(&line))
}

fn phase<'w>(
    plan: &Plan,
    phase: &Phase,
    leaving: impl Iterator<Item = &'w Transition>,
    out: &mut Screen<'_>,
) -> io::Result<()> {
    let name = phase.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let blocking = if phase.blocking { "" } else { ", not blocking" };
    let on_fail = match &phase.on_fail {
        OnFail::Continue => ", continues after a failed step",
        OnFail::Skip => ", skips the rest after a failed step",
        OnFail::Fail | OnFail::Other(_) => "",
    };
    let line = format!("{}{name}{}{blocking}{on_fail}", phase.id, condition(phase.condition.as_ref()));
    writeln!(out, "\n{}", Printable(&line))?;
    let mut branches: Vec<_> = phase.steps.iter().map(step).collect();
    let expected = PhaseExpected::of(plan, phase);
    branches.extend((!expected.is_empty()).then(|| format!("should return {}", expected.list())));
    branches.extend(phase.checkpoint.as_ref().map(checkpoint));
    branches.extend(leaving.map(transition));
    let last = branches.len().saturating_sub(1);
    for (index, branch) in branches.iter().enumerate() {
        let mark = match (index == last, out.is_ascii()) {
            (true, false) => "└─",
            (false, false) => "├─",
            (true, true) => "`-",
            (false, true) => "|-",
        };
        writeln!(out, "{mark} {}", Printable(branch))?;
    }
    Ok(())
}

fn step(step: &Step) -> String {
    let action = match &step.action {
        Action::Run(words) => {
            format!("run {}", words.iter().map(|word| quoted_template(&word.value)).collect::<Vec<_>>().join(" "))
        }
        Action::Shell(text) => format!("shell {}", first_line(text.value.trim())),
        Action::Command(name) => format!("command {}", name.value),
        Action::Task(task) => format!("task {}", task.value),
    };
    let timeout = step.timeout.map(|timeout| format!(", at most {}", span(timeout))).unwrap_or_default();
    let retries = match step.retries {
        0 => String::new(),
        1 => ", 1 retry".to_owned(),
        retries => format!(", {retries} retries"),
    };
    let output = if step.output == StepOutput::Json { ", returns JSON" } else { "" };
    let rerun = if step.rerun == Rerun::Always { ", always run again" } else { "" };
    format!("{}: {action}{}{timeout}{retries}{output}{rerun}", step.id, condition(step.condition.as_ref()))
}

fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((line, _)) => format!("{line} …"),
        None => text.to_owned(),
    }
}

fn checkpoint(checkpoint: &Checkpoint) -> String {
    let names: Vec<_> = checkpoint.validation.iter().map(|name| name.value.as_str()).collect();
    let asks = if names.is_empty() { String::new() } else { format!(" asks for {}", names.join(", ")) };
    format!("checkpoint {}{asks}{}", checkpoint.id, if checkpoint.blocking { "" } else { ", not blocking" })
}

fn transition(transition: &Transition) -> String {
    format!("to {}{}", transition.to.value, condition(transition.condition.as_ref()))
}

fn condition(condition: Option<&Located<String>>) -> String {
    condition.map(|condition| format!(", if {}", condition.value)).unwrap_or_default()
}
