//! Looks for the declared outputs of a workflow.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::definition::{Output, Workflow};
use crate::expression::{Scope, placeholder, render_text};

/// A declared output with a location, and whether it existed at the end of the execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocatedOutput {
    /// The name of the output.
    pub name: String,
    /// The path of the output, absolute or relative to the project folder. If the path cannot be
    /// rendered, for instance because a value is missing, this is the text in the workflow file.
    pub path: String,
    /// True if the path existed and had the declared type.
    #[serde(rename = "found")]
    pub is_found: bool,
}

/// Omits locations with a `{NAME}`, because autoproc does not replace such placeholders.
pub(super) fn look_for(workflow: &Workflow, scope: &Scope, project_dir: &Path) -> Vec<LocatedOutput> {
    let located = |output: &Output| {
        let location = &output.location.as_ref().filter(|location| placeholder(&location.value).is_none())?.value;
        let rendered = render_text(location, scope).ok();
        let is_found = rendered.as_ref().is_some_and(|path| exists(output.kind.as_deref(), path, project_dir));
        Some(LocatedOutput { name: output.name.clone(), path: rendered.unwrap_or_else(|| location.clone()), is_found })
    };
    workflow.outputs.iter().filter_map(located).collect()
}

pub(super) fn missing_required(workflow: &Workflow, outputs: &[LocatedOutput]) -> Option<String> {
    let is_required = |name: &str| workflow.outputs.iter().any(|output| output.name == name && output.required);
    let missing = outputs.iter().filter(|output| !output.is_found && is_required(&output.name));
    let missing: Vec<_> = missing.map(|output| format!("{} ({})", output.name, output.path)).collect();
    (!missing.is_empty()).then(|| format!("required outputs are missing: {}", missing.join(", ")))
}

/// True if the path exists with the given type. An unknown type matches any path.
fn exists(kind: Option<&str>, path: &str, project_dir: &Path) -> bool {
    let Ok(metadata) = fs::metadata(project_dir.join(path)) else { return false };
    match kind {
        Some("directory" | "folder") => metadata.is_dir(),
        Some("file") if !path.ends_with('/') => metadata.is_file(),
        _ => true,
    }
}
