//! The values that a phase should return.

use autoproc_workflow::definition::Phase;
use autoproc_workflow::execution::{ExpectedValue, Plan};
use serde::Serialize;

const MAX_SHOWN: usize = 100;

pub(super) struct PhaseExpected {
    phase: String,
    values: Vec<ExpectedValue>,
}

impl PhaseExpected {
    /// Returns the phases that should return values, in the order of the file.
    pub(super) fn of_workflow(plan: &Plan) -> Vec<Self> {
        let all = plan.workflow().phases.iter().map(|phase| Self::of(plan, phase));
        all.filter(|expected| !expected.values.is_empty()).collect()
    }

    pub(super) fn of(plan: &Plan, phase: &Phase) -> Self {
        Self { phase: phase.id.clone(), values: plan.expected_values(phase) }
    }

    pub(super) fn line(&self) -> String {
        format!("the phase `{}` should return {}", self.phase, self.list())
    }

    /// Lists at most [`MAX_SHOWN`] values, each with the parts of the workflow that read the value,
    /// and counts the others.
    pub(super) fn list(&self) -> String {
        let shown = self.values.iter().take(MAX_SHOWN);
        let list: Vec<_> = shown.map(|value| format!("{} (for {})", value.name, value.readers.join(", "))).collect();
        let more = self.values.len().saturating_sub(MAX_SHOWN);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{rest}", list.join(", "))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn into_json(self) -> Vec<ExpectedJson> {
        self.values.into_iter().map(|ExpectedValue { name, readers }| ExpectedJson { name, readers }).collect()
    }
}

#[derive(Serialize)]
pub(super) struct PhaseExpectedJson {
    phase: String,
    values: Vec<ExpectedJson>,
}

#[derive(Serialize)]
pub(super) struct ExpectedJson {
    name: String,
    readers: Vec<String>,
}

impl From<PhaseExpected> for PhaseExpectedJson {
    fn from(expected: PhaseExpected) -> Self {
        Self { phase: expected.phase.clone(), values: expected.into_json() }
    }
}
