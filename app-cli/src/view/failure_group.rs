//! Prints groups of failures.

use std::io::{self, Write};

use autoproc_domain::signature::{FailureGroup, FailureGroups};
use serde::Serialize;

use crate::escape::Printable;
use crate::view::files;
use crate::view::json::PathJson;
use crate::view::screen::Screen;

/// The maximum number of failures that a report lists one by one.
pub(crate) const MAX_SINGLE: u64 = 5;

const MAX_LISTED: usize = 5;

/// Prints the largest groups, and the number of other failures.
pub(crate) fn largest(groups: &FailureGroups, total: u64, out: &mut Screen<'_>) -> io::Result<()> {
    let mut listed = 0;
    for group in groups.largest_first().into_iter().take(MAX_LISTED) {
        writeln!(out, "  {}  {}", files(group.count), Printable(group.signature.reason()))?;
        if let Some(example) = group.examples.first() {
            let line = out.line("    for example ", example, "");
            writeln!(out, "{line}")?;
        }
        listed += group.count;
    }
    let (others, more) = (groups.total().saturating_sub(listed), total.saturating_sub(groups.total()));
    if others > 0 {
        writeln!(out, "  and {} with other reasons", files(others))?;
    }
    if more > 0 { writeln!(out, "  and {} whose reasons are not listed here", files(more)) } else { Ok(()) }
}

#[derive(Serialize)]
pub(crate) struct GroupJson {
    signature: String,
    count: u64,
    reason: String,
    first_at: Option<String>,
    last_at: Option<String>,
    examples: Vec<PathJson>,
}

impl GroupJson {
    pub(crate) fn largest(groups: &FailureGroups) -> Vec<Self> {
        groups.largest_first().into_iter().take(MAX_LISTED).map(Self::from).collect()
    }
}

impl From<&FailureGroup> for GroupJson {
    fn from(group: &FailureGroup) -> Self {
        Self {
            signature: group.signature.id().to_string(),
            count: group.count,
            reason: group.signature.reason().to_owned(),
            first_at: group.first_at.map(|at| at.to_string()),
            last_at: group.last_at.map(|at| at.to_string()),
            examples: group.examples.iter().map(PathJson::from).collect(),
        }
    }
}
