//! Steps.

use super::Reader;
use super::fields::Fields;
use crate::definition::{Action, EnvironmentEntry, Located, Position, Rerun, Step, StepInput, StepOutput};
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::tree::{Kind, Node};

/// The keys of which a step has exactly one.
const ACTIONS: [&str; 3] = ["execute", "run", "shell"];

impl Reader<'_> {
    pub(super) fn step(&mut self, node: &Node, phase: &str, index: usize) -> Option<Step> {
        let fields = self.fields(node, "a step", "Step")?;
        let id = self.word(fields.get("id"), "an id");
        // A step that says nothing to do is kept for the sake of those that refer to it; the file is refused anyway.
        let (action, inputs) = self.action(&fields).unwrap_or((Action::Run(Vec::new()), Vec::new()));
        let mut step = Step::new(Step::derived_id(phase, index), action, node.position);
        if let Some(id) = id {
            (step.id, step.has_own_id) = (id.value, true);
        }
        step.inputs = inputs;
        step.condition = self.condition(&fields);
        step.timeout = self.span(fields.get("timeout"));
        step.retries = self.count(fields.get("retries")).unwrap_or(0);
        step.env = self.env(&fields);
        step.workdir = self.word(fields.get("workdir"), "a folder");
        step.output = self.choice(&fields, "output", [("file", StepOutput::File), ("json", StepOutput::Json)]);
        step.rerun = self.choice(&fields, "rerun", [("never", Rerun::Never), ("always", Rerun::Always)]);
        Some(step)
    }

    fn action(&mut self, step: &Fields<'_>) -> Option<(Action, Vec<StepInput>)> {
        let given: Vec<_> = ACTIONS.iter().filter_map(|key| Some((*key, step.get(key)?))).collect();
        match given.as_slice() {
            [("execute", node)] => self.execute(node, step),
            [(key, node)] => {
                let inputs = self.inputs_of(step);
                let action = if *key == "run" { self.run(node) } else { self.shell(node) };
                Some((action?, inputs))
            }
            [] => {
                self.problems.add({
                    Problem::error(step.position, "the step says nothing to do")
                        .expecting("one of `execute`, `run`, `shell`")
                });
                None
            }
            [_, (_, second), ..] => {
                self.problems.add({
                    Problem::error(second.position, "the step says more than one thing to do")
                        .expecting("one of `execute`, `run`, `shell`")
                });
                None
            }
        }
    }

    fn execute(&mut self, node: &Node, step: &Fields<'_>) -> Option<(Action, Vec<StepInput>)> {
        let fields = self.fields(node, "`execute`", "Execute")?;
        let mut inputs = self.inputs_of(&fields);
        inputs.extend(self.inputs_beside(step, &fields));
        let command = self.word(fields.get("command"), "the name of a command");
        let task = self.word(fields.get("task"), "the name or the file of a task");
        match (command, task) {
            (Some(command), None) => Some((Action::Command(command), inputs)),
            (None, Some(task)) => Some((Action::Task(task), inputs)),
            (Some(_), Some(task)) => {
                let message = "`execute` has both `command` and `task`";
                self.problems.add(Problem::error(task.position, message).expecting("one of them"));
                None
            }
            (None, None) => {
                if fields.get("command").or(fields.get("task")).is_none() {
                    self.error(fields.position, || "`execute` has neither `command` nor `task`".to_owned());
                }
                None
            }
        }
    }

    /// Inputs beside `execute` instead of in it.
    fn inputs_beside(&mut self, step: &Fields<'_>, execute: &Fields<'_>) -> Vec<StepInput> {
        if let (Some(beside), Some(_)) = (step.get("inputs"), execute.get("inputs")) {
            self.error(beside.position, || "the step has `inputs` both in `execute` and beside it".to_owned());
            return Vec::new();
        }
        self.inputs_of(step)
    }

    fn run(&mut self, node: &Node) -> Option<Action> {
        const WANTED: &str = "a list: the program and its arguments";
        if let Kind::Text(_) = node.value {
            self.problems.add({
                Problem::error(node.position, "a text stands here")
                    .expecting(format!("{WANTED}; a line for the shell goes into `shell`"))
            });
            return None;
        }
        let list = self.list(Some(node), WANTED);
        let words: Vec<_> = list.iter().filter_map(|word| self.argument(word)).collect();
        if words.first().is_some_and(|program| program.value.is_empty()) {
            self.error(node.position, || "the program has an empty name".to_owned());
        }
        if list.is_empty() && matches!(node.value, Kind::List(_)) {
            self.problems.add(Problem::error(node.position, "the list is empty").expecting(WANTED));
        }
        (!words.is_empty()).then_some(Action::Run(words))
    }

    fn shell(&mut self, node: &Node) -> Option<Action> {
        self.word(Some(node), "a string for the shell").map(Action::Shell)
    }

    fn argument(&mut self, node: &Node) -> Option<Located<String>> {
        let word = self.scalar(Some(node), "an argument")?;
        self.refuse_nul(&word);
        Some(word)
    }

    fn inputs_of(&mut self, fields: &Fields<'_>) -> Vec<StepInput> {
        let entries = self.named(fields.get("inputs"), "a mapping of names and values");
        entries
            .into_iter()
            .map(|(name, node)| StepInput {
                name: name.value.clone(),
                value: node.value.to_json(),
                position: node.position,
            })
            .collect()
    }

    fn env(&mut self, step: &Fields<'_>) -> Vec<EnvironmentEntry> {
        let entries = self.named(step.get("env"), "a mapping of variables and values");
        entries.into_iter().filter_map(|(name, node)| self.variable(name, node)).collect()
    }

    fn variable(&mut self, name: &Located<String>, node: &Node) -> Option<EnvironmentEntry> {
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            self.error(name.position, || format!("`{}` cannot be the name of a variable", name.value));
            return None;
        }
        let value = match &node.value {
            Kind::Null => Located::new(String::new(), node.position),
            _ => self.scalar(Some(node), "the value of a variable")?,
        };
        self.refuse_nul(&value);
        Some(EnvironmentEntry { name: name.value.clone(), value })
    }

    fn refuse_nul(&mut self, text: &Located<String>) {
        if text.value.contains('\0') {
            self.error(text.position, || "a NUL character stands here, which no process can be given".to_owned());
        }
    }

    /// One of two words, the first where none is given.
    fn choice<T: Copy>(&mut self, fields: &Fields<'_>, key: &str, words: [(&str, T); 2]) -> T {
        let Some(given) = self.word(fields.get(key), &format!("`{}` or `{}`", words[0].0, words[1].0)) else {
            return words[0].1;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == given.value) {
            return *value;
        }
        self.unknown_word(&given, key, &words.map(|(word, _)| word));
        words[0].1
    }

    fn unknown_word(&mut self, given: &Located<String>, key: &str, words: &[&str]) {
        self.problems.add({
            Problem::error(given.position, format!("`{}` has no meaning for `{key}`", given.value))
                .expecting(super::fields::listed(words))
                .meaning(nearest(&given.value, words.iter().copied()))
        });
    }
}

impl Step {
    /// A step that does this and has nothing else to say.
    pub(super) fn new(id: String, action: Action, position: Position) -> Self {
        Self {
            id,
            has_own_id: false,
            condition: None,
            action,
            inputs: Vec::new(),
            timeout: None,
            retries: 0,
            env: Vec::new(),
            workdir: None,
            output: StepOutput::default(),
            rerun: Rerun::default(),
            position,
        }
    }

    /// The id of a step that gives none. No two of them are alike: the number after the last `_` is the step's.
    pub(super) fn derived_id(phase: &str, index: usize) -> String {
        format!("{phase}_{}", index + 1)
    }
}
