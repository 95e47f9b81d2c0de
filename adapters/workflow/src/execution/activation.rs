//! Decides whether a run uses its workflow.

use std::collections::BTreeSet;

use super::inputs::Inputs;
use super::plan::Plan;
use crate::expression::{Scope, holds_so_far, names_in_condition};

/// Whether a run uses a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActivationVerdict {
    /// The workflow has no condition, or its condition holds.
    Used,
    /// The workflow is used, because this condition cannot be evaluated before the run.
    Unknown(String),
    /// The condition does not hold, so the workflow is not used.
    NotUsed {
        /// The condition in the workflow file.
        condition: String,
        /// The id of the workflow to use instead, if any.
        fallback: Option<String>,
    },
}

impl Plan {
    /// Evaluates the workflow's activation condition with the inputs of a run. If the condition
    /// depends on the file, the verdict is `Unknown`, because a run has many files.
    #[must_use]
    pub fn activation(&self, inputs: &Inputs) -> ActivationVerdict {
        let activation = self.workflow().activation.as_ref();
        let condition = activation.and_then(|activation| activation.condition.as_ref());
        let Some(condition) = condition.map(|condition| condition.value.clone()) else {
            return ActivationVerdict::Used;
        };
        let Some(scope) = self.scope_of_activation(&condition, inputs) else {
            return ActivationVerdict::Unknown(condition);
        };
        match holds_so_far(&condition, &scope) {
            Ok(true) => ActivationVerdict::Used,
            Err(_) => ActivationVerdict::Unknown(condition),
            Ok(false) => {
                let fallback = activation.and_then(|activation| activation.fallback_workflow.as_ref());
                ActivationVerdict::NotUsed { condition, fallback: fallback.map(|id| id.value.clone()) }
            }
        }
    }

    /// Returns the inputs in the condition. Returns `None` if the condition is invalid, or contains
    /// a name whose value is not known before the run.
    fn scope_of_activation(&self, condition: &str, inputs: &Inputs) -> Option<Scope> {
        let values = inputs.independent_of_files(self.workflow());
        let used: BTreeSet<_> = names_in_condition(condition).ok()?.iter().map(|name| name.root().to_owned()).collect();
        let mut scope = Scope::default();
        for name in &used {
            scope.set(name, values.get(name)?);
        }
        Some(scope)
    }

    /// True if the workflow declares an input `name`, or if an expression uses this name and the
    /// name has no fixed meaning. `file`, `files`, `steps`, `checkpoint_passed` and the ids of
    /// phases have a fixed meaning.
    #[must_use]
    pub fn accepts_input(&self, name: &str) -> bool {
        self.workflow().inputs.iter().any(|input| input.name == name)
            || (self.uses(name) && self.meaning_of(name).is_none() && !["file", "files"].contains(&name))
    }
}
