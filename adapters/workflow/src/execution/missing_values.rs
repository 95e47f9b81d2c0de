//! Checks that steps return the values for later steps.

use super::event::{StepName, Values};
use super::executor::Executor;
use super::needs::{Need, required_names};
use crate::definition::{Phase, Rerun, Step};
use crate::expression::Name;

const REPEATS_FINISHED_STEPS: &str = "; only `run --from-start` runs the finished steps again";

impl Executor<'_> {
    /// Checks that a step returned the values for later steps. Ignores repeated steps, because the
    /// later steps may have ended.
    ///
    /// # Errors
    /// A message that names the value and the later step.
    pub(super) fn check_needs(&self, phase: &Phase, step: &Step, values: &Values) -> Result<(), String> {
        if !self.state.rerun.is_empty() {
            return Ok(());
        }
        let needs = self.engine.run.plan.needs();
        if let Some(Need { name, reader }) =
            needs.of_step(&step.id).iter().find(|need| !values.contains_key(&need.name))
        {
            return Err(format!("it did not return `{name}`, which {reader} needs"));
        }
        let is_missing =
            |need: &&Need| !values.contains_key(&need.name) && !self.scope.has_value(&phase.id, &need.name);
        let Some(Need { name, reader }) = needs.until_step(&step.id).iter().find(is_missing) else { return Ok(()) };
        let has_finished = |earlier: &Step| self.is_finished_for_good(&StepName::of(phase, earlier));
        let advice = if self.resumes() && phase.steps.iter().any(has_finished) { REPEATS_FINISHED_STEPS } else { "" };
        Err(format!("neither it nor an earlier step of the phase returned `{name}`, which {reader} needs{advice}"))
    }

    pub(super) fn advice_on_phase(&self, phase: &str) -> &'static str {
        let has_many_steps = self.engine.run.plan.phase(phase).is_some_and(|phase| phase.steps.len() > 1);
        if self.resumes() && has_many_steps { "; a retry begins the phase again" } else { "" }
    }

    /// Returns advice if a retry cannot produce a missing value; otherwise an empty text.
    pub(super) fn advice_on_missing_value(&self, step: &Step) -> &'static str {
        let is_missing = |name: &Name| self.scope.first_unknown(name).is_some();
        let is_stuck = |name: &Name| is_missing(name) && self.can_only_come_from_finished_steps(name);
        if self.resumes() && required_names(step).iter().any(is_stuck) { REPEATS_FINISHED_STEPS } else { "" }
    }

    fn can_only_come_from_finished_steps(&self, name: &Name) -> bool {
        let plan = &self.engine.run.plan;
        let is_over = |phase: &Phase, step: &Step| self.is_finished_for_good(&StepName::of(phase, step));
        if name.root() != "steps" {
            return plan.phase(name.root()).is_some_and(|phase| phase.steps.iter().any(|step| is_over(phase, step)));
        }
        let id = name.rest().next();
        let of_id = |phase: &Phase| phase.steps.iter().any(|step| Some(step.id.as_str()) == id && is_over(phase, step));
        plan.workflow().phases.iter().any(of_id)
    }

    fn is_finished_for_good(&self, name: &StepName) -> bool {
        let is_never_repeated = self.engine.run.plan.step(name).is_some_and(|(_, step)| step.rerun == Rerun::Never);
        is_never_repeated && self.state.step_outputs.iter().any(|(finished, _)| finished == name)
    }

    fn resumes(&self) -> bool {
        self.journal.is_some() && self.engine.run.plan.workflow().rollback.is_none()
    }
}
