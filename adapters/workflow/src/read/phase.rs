use super::Reader;
use super::fields::Fields;
use crate::definition::{Action, Checkpoint, Located, OnFail, Phase, Step};
use crate::tree::{Kind, Node};

impl Reader<'_> {
    /// Reads a phase. A phase without an id is reported, and called `phase_N` so that the rest of
    /// it can be read.
    pub(super) fn phase(&mut self, node: &Node, index: usize) -> Option<Phase> {
        let fields = self.fields(node, "a phase", "Phase")?;
        let id = self.required(&fields, "a phase", "id", "an id");
        let id = id.map_or_else(|| format!("phase_{}", index + 1), |id| id.value);
        Some(Phase {
            name: self.scalar(fields.get("name"), "a name").map(|name| name.value),
            description: self.text(fields.get("description"), "a string").map(|text| text.value),
            condition: self.condition(&fields),
            steps: self.steps(&fields, &id),
            blocking: self.flag(fields.get("blocking")).unwrap_or(true),
            on_fail: self.word(fields.get("on_fail"), "a word").map(on_fail).unwrap_or_default(),
            checkpoint: fields.get("checkpoint").and_then(|node| self.checkpoint(node, &id)),
            position: node.position,
            id,
        })
    }

    fn steps(&mut self, phase: &Fields<'_>, id: &str) -> Vec<Step> {
        let task = self.word(phase.get("task"), "the name or the file of a task");
        if let Some(steps) = phase.get("steps") {
            if let Some(task) = task {
                let message = format!("the phase `{id}` has both `steps` and `task`");
                self.problems.error(task.position, message).expecting("one of them");
            }
            return self.listed_steps(steps, id);
        }
        if phase.get("task").is_none() {
            self.problems.error(phase.position, format!("the phase `{id}` has neither `steps` nor `task`"));
        }
        let single = |task: Located<String>| {
            let position = task.position;
            Step::new(Step::derived_id(id, 0), Action::Task(task), position)
        };
        task.map(single).into_iter().collect()
    }

    fn listed_steps(&mut self, steps: &Node, phase: &str) -> Vec<Step> {
        let list = self.list(Some(steps), "a list of steps");
        if list.is_empty() && matches!(&steps.value, Kind::List(_)) {
            self.problems.warning(steps.position, format!("the phase `{phase}` has no steps"));
        }
        list.iter().enumerate().filter_map(|(index, step)| self.step(step, phase, index)).collect()
    }

    fn checkpoint(&mut self, node: &Node, phase: &str) -> Option<Checkpoint> {
        let fields = self.fields(node, "a checkpoint", "Checkpoint")?;
        let name = |reader: &mut Self, name: &Node| reader.word(Some(name), "a name");
        let validation = self.each(fields.get("validation"), "a list of names", name);
        let id = self.word(fields.get("id"), "an id");
        Some(Checkpoint {
            id: id.map_or_else(|| phase.to_owned(), |id| id.value),
            blocking: self.flag(fields.get("blocking")).unwrap_or(true),
            validation,
            position: node.position,
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
