use super::Reader;
use super::fields::{Fields, Part, listed};
use crate::definition::{Action, EnvironmentEntry, Located, Position, Rerun, Step, StepInput, StepOutput};
use crate::nearest::nearest;
use crate::tree::{Kind, Node};

/// The keys for the action of a step; each step must have exactly one of them.
const ACTIONS: [&str; 3] = ["execute", "run", "shell"];

const TIME: &str = "a time: a number of seconds, or with units, as in 500ms, 5m, 1h30m";

impl Reader<'_> {
    pub(super) fn step(&mut self, part: Part<'_>, phase: &str, index: usize) -> Option<Step> {
        let fields = self.fields(part, "a step")?;
        let id = self.value(fields.get("id"), "an id");
        // `action` reports a step without an action. The step is kept, because references to it
        // would otherwise be reported too.
        let (action, inputs) = self.action(&fields).unwrap_or((Action::Run(Vec::new()), Vec::new()));
        let mut step = Step::new(Step::derived_id(phase, index), action, fields.position);
        if let Some(id) = id {
            (step.id, step.has_own_id) = (id, true);
        }
        step.inputs = inputs;
        step.condition = self.value(fields.get("condition"), "a condition");
        step.timeout = self.value(fields.get("timeout"), TIME);
        step.retries = self.value(fields.get("retries"), "a non-negative integer").unwrap_or(0);
        step.env = fields.get("env").map(|env| self.env(env)).unwrap_or_default();
        step.workdir = self.value(fields.get("workdir"), "a folder");
        step.output = self.choice(&fields, "output", [("file", StepOutput::File), ("json", StepOutput::Json)]);
        step.rerun = self.choice(&fields, "rerun", [("never", Rerun::Never), ("always", Rerun::Always)]);
        Some(step)
    }

    fn action(&mut self, step: &Fields<'_>) -> Option<(Action, Vec<StepInput>)> {
        let given: Vec<_> = ACTIONS.iter().filter_map(|key| Some((*key, step.get(key)?))).collect();
        let (position, message) = match given.as_slice() {
            [("execute", part)] => return self.execute(*part, step),
            [(key, part)] => {
                let inputs = self.inputs_of(step);
                let action = if *key == "run" { self.run(*part) } else { self.shell(*part) };
                return Some((action?, inputs));
            }
            [] => (step.position, "the step has no action"),
            [_, (_, second), ..] => (second.node.position, "the step has more than one action"),
        };
        self.problems.error(position, message).expecting("one of `execute`, `run`, `shell`");
        None
    }

    fn execute(&mut self, part: Part<'_>, step: &Fields<'_>) -> Option<(Action, Vec<StepInput>)> {
        let fields = self.fields(part, "`execute`")?;
        let mut inputs = self.inputs_of(&fields);
        match (step.get("inputs"), fields.get("inputs")) {
            (Some(outside), Some(_)) => {
                let message = "the step has `inputs` both inside and outside `execute`";
                self.problems.error(outside.node.position, message);
            }
            _ => inputs.extend(self.inputs_of(step)),
        }
        let command = self.value(fields.get("command"), "the name of a command");
        let task: Option<Located<String>> = self.value(fields.get("task"), "the name or the file of a task");
        match (command, task) {
            (Some(command), None) => return Some((Action::Command(command), inputs)),
            (None, Some(task)) => return Some((Action::Task(task), inputs)),
            (Some(_), Some(task)) => {
                let message = "`execute` has both `command` and `task`";
                self.problems.error(task.position, message).expecting("one of them");
            }
            (None, None) if fields.get("command").or(fields.get("task")).is_none() => {
                self.problems.error(fields.position, "`execute` has neither `command` nor `task`");
            }
            (None, None) => {}
        }
        None
    }

    fn run(&mut self, part: Part<'_>) -> Option<Action> {
        const WANTED: &str = "a list: the program and its arguments";
        let node = part.node;
        if let Kind::Text(_) = node.value {
            self.other_kind(node, &format!("{WANTED}; use `shell` for a shell command"));
            return None;
        }
        let list = self.list(Some(part), WANTED);
        let words: Vec<_> = list.iter().filter_map(|word| self.argument(*word, "an argument")).collect();
        if words.first().is_some_and(|program| program.value.is_empty()) {
            self.problems.error(node.position, "the program has an empty name");
        }
        if list.is_empty() && matches!(node.value, Kind::List(_)) {
            self.problems.error(node.position, "the list is empty").expecting(WANTED);
        }
        (!words.is_empty()).then_some(Action::Run(words))
    }

    fn shell(&mut self, part: Part<'_>) -> Option<Action> {
        self.value(Some(part), "a string for the shell").map(Action::Shell)
    }

    /// Reads a text for a process, and reports a NUL character in the text.
    fn argument(&mut self, part: Part<'_>, wanted: &str) -> Option<Located<String>> {
        let text: Located<String> = self.value(Some(part), wanted)?;
        if text.value.contains('\0') {
            self.problems.error(text.position, "a NUL character cannot be passed to a process");
        }
        Some(text)
    }

    fn inputs_of(&mut self, fields: &Fields<'_>) -> Vec<StepInput> {
        let Some(inputs) = fields.get("inputs") else { return Vec::new() };
        let entries = self.named(inputs, "a mapping of names and values").iter();
        let input = |(name, node): &(Located<String>, Node)| StepInput {
            name: name.value.clone(),
            value: node.value.to_json(),
            position: node.position,
        };
        entries.map(input).collect()
    }

    fn env(&mut self, part: Part<'_>) -> Vec<EnvironmentEntry> {
        let schema = part.schema.elements();
        let entries = self.named(part, "a mapping of variables and values").iter();
        entries.filter_map(|(name, node)| self.variable(name, Part { node, schema })).collect()
    }

    fn variable(&mut self, name: &Located<String>, part: Part<'_>) -> Option<EnvironmentEntry> {
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            self.problems.error(name.position, format!("`{}` cannot be the name of a variable", name.value));
            return None;
        }
        let value = match &part.node.value {
            Kind::Null => Located::new(String::new(), part.node.position),
            _ => self.argument(part, "the value of a variable")?,
        };
        Some(EnvironmentEntry { name: name.value.clone(), value })
    }

    /// Reads a key that allows two words, and returns the value of the given word. If the key is
    /// absent or invalid, returns the first value.
    fn choice<T: Copy>(&mut self, fields: &Fields<'_>, key: &str, words: [(&str, T); 2]) -> T {
        let [default, _] = words;
        let names = words.map(|(word, _)| word);
        let given: Option<Located<String>> = self.value(fields.get(key), &listed(&names));
        let Some(given) = given else { return default.1 };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == given.value) {
            return *value;
        }
        let problem = self.problems.error(given.position, format!("unknown value `{}` for `{key}`", given.value));
        problem.expecting(listed(&names)).meaning(nearest(&given.value, names));
        default.1
    }
}

impl Step {
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

    /// Returns the id for a step that has no id in the file: the id of the phase, `_`, and the
    /// number of the step from 1.
    pub(super) fn derived_id(phase: &str, index: usize) -> String {
        format!("{phase}_{}", index + 1)
    }
}
