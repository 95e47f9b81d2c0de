//! `workflow list`: one line per workflow.

use std::io::{self, Write};

use comfy_table::{Table, presets};

use crate::escape::{Printable, Shown};
use crate::render::{View, json};
use crate::view::{WorkflowsListed, count, from_base};
use crate::wiring::{ListedWorkflow, Severity};

impl View for WorkflowsListed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.workflows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["ID", "PHASES", "STEPS", "STATE", "FILE", "NAME"]);
        for listed in &self.workflows {
            let workflow = listed.file.workflow.as_ref();
            let phases = workflow.map_or(0, |workflow| workflow.phases.len());
            let steps = workflow.map_or(0, |workflow| workflow.phases.iter().map(|phase| phase.steps.len()).sum());
            let name = workflow.and_then(|workflow| workflow.name.as_deref()).unwrap_or_default();
            table.add_row([
                Printable(&listed.id).to_string(),
                phases.to_string(),
                steps.to_string(),
                state(listed),
                Shown(from_base(&self.base, &listed.file.path)).to_string(),
                Printable(name).to_string(),
            ]);
        }
        writeln!(out, "{}", table.trim_fmt())
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::workflow::listed(self, out)
    }
}

fn state(listed: &ListedWorkflow) -> String {
    let of = |severity: Severity| match count(&listed.file, severity) {
        0 => None,
        1 => Some(format!("1 {}", severity.word())),
        many => Some(format!("{many} {}s", severity.word())),
    };
    let hidden = listed.is_hidden.then(|| "hidden by another".to_owned());
    let states: Vec<_> = hidden.into_iter().chain(of(Severity::Error)).chain(of(Severity::Warning)).collect();
    if states.is_empty() { "good".to_owned() } else { states.join(", ") }
}
