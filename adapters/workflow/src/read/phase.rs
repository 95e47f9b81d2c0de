use super::Reader;
use super::fields::{Fields, Part};
use crate::definition::{Action, Checkpoint, Located, OnFail, Phase, Step};
use crate::tree::Kind;

impl Reader<'_> {
    /// A phase without an id gets the id `phase_N`, with N from 1.
    pub(super) fn phase(&mut self, part: Part<'_>, index: usize) -> Option<Phase> {
        let fields = self.fields(part, "a phase")?;
        let id = self.value(fields.get("id"), "an id").unwrap_or_else(|| format!("phase_{}", index + 1));
        Some(Phase {
            name: self.value(fields.get("name"), "a name"),
            description: self.value(fields.get("description"), "a string"),
            condition: self.value(fields.get("condition"), "a condition"),
            steps: self.steps(&fields, &id),
            blocking: self.value(fields.get("blocking"), "true or false").unwrap_or(true),
            on_fail: self.value(fields.get("on_fail"), "a word").map(on_fail).unwrap_or_default(),
            checkpoint: fields.get("checkpoint").and_then(|part| self.checkpoint(part, &id)),
            position: fields.position,
            id,
        })
    }

    fn steps(&mut self, phase: &Fields<'_>, id: &str) -> Vec<Step> {
        let task: Option<Located<String>> = self.value(phase.get("task"), "the name or the file of a task");
        if let Some(steps) = phase.get("steps") {
            if let Some(task) = task {
                let message = format!("the phase `{id}` has both `steps` and `task`");
                self.problems.error(task.position, message).expecting("one of them");
            }
            return self.listed_steps(steps, id);
        }
        if phase.get("task").is_none() {
            self.problems.warning(phase.position, format!("the phase `{id}` has neither `steps` nor `task`"));
        }
        let single = |task: Located<String>| {
            let position = task.position;
            Step::new(Step::derived_id(id, 0), Action::Task(task), position)
        };
        task.map(single).into_iter().collect()
    }

    fn listed_steps(&mut self, steps: Part<'_>, phase: &str) -> Vec<Step> {
        let list = self.list(Some(steps), "a list of steps");
        if list.is_empty() && matches!(&steps.node.value, Kind::List(_)) {
            self.problems.warning(steps.node.position, format!("the phase `{phase}` has no steps"));
        }
        list.into_iter().enumerate().filter_map(|(index, step)| self.step(step, phase, index)).collect()
    }

    fn checkpoint(&mut self, part: Part<'_>, phase: &str) -> Option<Checkpoint> {
        let fields = self.fields(part, "a checkpoint")?;
        let name = |reader: &mut Self, part: Part<'_>| reader.value(Some(part), "a name");
        Some(Checkpoint {
            id: self.value(fields.get("id"), "an id").unwrap_or_else(|| phase.to_owned()),
            blocking: self.value(fields.get("blocking"), "true or false").unwrap_or(true),
            validation: self.each(fields.get("validation"), "a list of names", name),
            position: fields.position,
        })
    }
}

fn on_fail(word: Located<String>) -> OnFail {
    match word.value.as_str() {
        "fail" => OnFail::Fail,
        "continue" => OnFail::Continue,
        "skip" => OnFail::Skip,
        _ => OnFail::Other(word),
    }
}
