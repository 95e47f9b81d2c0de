#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print the figures it measured")]

mod decisions;
mod definition;
mod execution;
mod stand_in;

use crate::Problem;
use crate::definition::Workflow;
use crate::problem::Problems;

struct Reading {
    workflow: Option<Workflow>,
    problems: Vec<Problem>,
}

fn read(text: &str, fallback_id: &str) -> Reading {
    let mut problems = Problems::default();
    let workflow = crate::read::read(text, fallback_id, &mut problems);
    Reading { workflow, problems: problems.into_sorted() }
}
