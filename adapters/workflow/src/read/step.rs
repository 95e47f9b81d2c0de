use super::Reader;
use super::fields::{Fields, listed};
use crate::definition::{Action, EnvironmentEntry, Located, Position, Rerun, Step, StepInput, StepOutput};
use crate::nearest::nearest;
use crate::tree::{Kind, Node};

/// The keys for the action of a step; each step must have exactly one of them.
const ACTIONS: [&str; 3] = ["execute", "run", "shell"];

impl Reader<'_> {
    pub(super) fn step(&mut self, node: &Node, phase: &str, index: usize) -> Option<Step> {
        let fields = self.fields(node, "a step", "Step")?;
        let id = self.word(fields.get("id"), "an id");
        // A step without an action is kept after it was reported, so that references to it are not
        // reported too.
        let (action, inputs) = self.action(&fields).unwrap_or((Action::Run(Vec::new()), Vec::new()));
        let mut step = Step::new(Step::derived_id(phase, index), action, node.position);
        if let Some(id) = id {
            (step.id, step.has_own_id) = (id.value, true);
        }
        step.inputs = inputs;
        step.condition = self.condition(&fields);
        step.timeout = self.span(fields.get("timeout"));
        step.retries = self.count(fields.get("retries")).unwrap_or(0);
        let env = self.named(fields.get("env"), "a mapping of variables and values");
        step.env = env.iter().filter_map(|(name, node)| self.variable(name, node)).collect();
        step.workdir = self.word(fields.get("workdir"), "a folder");
        step.output = self.choice(&fields, "output", [("file", StepOutput::File), ("json", StepOutput::Json)]);
        step.rerun = self.choice(&fields, "rerun", [("never", Rerun::Never), ("always", Rerun::Always)]);
        Some(step)
    }

    fn action(&mut self, step: &Fields<'_>) -> Option<(Action, Vec<StepInput>)> {
        let given: Vec<_> = ACTIONS.iter().filter_map(|key| Some((*key, step.get(key)?))).collect();
        let (position, message) = match given.as_slice() {
            [("execute", node)] => return self.execute(node, step),
            [(key, node)] => {
                let inputs = self.inputs_of(step);
                let action = if *key == "run" { self.run(node) } else { self.shell(node) };
                return Some((action?, inputs));
            }
            [] => (step.position, "the step has no action"),
            [_, (_, second), ..] => (second.position, "the step has more than one action"),
        };
        self.problems.error(position, message).expecting("one of `execute`, `run`, `shell`");
        None
    }

    fn execute(&mut self, node: &Node, step: &Fields<'_>) -> Option<(Action, Vec<StepInput>)> {
        let fields = self.fields(node, "`execute`", "Execute")?;
        let mut inputs = self.inputs_of(&fields);
        match (step.get("inputs"), fields.get("inputs")) {
            (Some(outside), Some(_)) => {
                let message = "the step has `inputs` both inside and outside `execute`";
                self.problems.error(outside.position, message);
            }
            _ => inputs.extend(self.inputs_of(step)),
        }
        let command = self.word(fields.get("command"), "the name of a command");
        let task = self.word(fields.get("task"), "the name or the file of a task");
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

    fn run(&mut self, node: &Node) -> Option<Action> {
        const WANTED: &str = "a list: the program and its arguments";
        if let Kind::Text(_) = node.value {
            self.other_kind(node, &format!("{WANTED}; use `shell` for a shell command"));
            return None;
        }
        let list = self.list(Some(node), WANTED);
        let words: Vec<_> = list.iter().filter_map(|word| self.argument(word)).collect();
        if words.first().is_some_and(|program| program.value.is_empty()) {
            self.problems.error(node.position, "the program has an empty name");
        }
        if list.is_empty() && matches!(node.value, Kind::List(_)) {
            self.problems.error(node.position, "the list is empty").expecting(WANTED);
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
        let entries = self.named(fields.get("inputs"), "a mapping of names and values").iter();
        let input = |(name, node): &(Located<String>, Node)| StepInput {
            name: name.value.clone(),
            value: node.value.to_json(),
            position: node.position,
        };
        entries.map(input).collect()
    }

    fn variable(&mut self, name: &Located<String>, node: &Node) -> Option<EnvironmentEntry> {
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            self.problems.error(name.position, format!("`{}` cannot be the name of a variable", name.value));
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
            self.problems.error(text.position, "a NUL character cannot be passed to a process");
        }
    }

    /// Reads one of two words; the first is the default.
    fn choice<T: Copy>(&mut self, fields: &Fields<'_>, key: &str, words: [(&str, T); 2]) -> T {
        let [default, _] = words;
        let names = words.map(|(word, _)| word);
        let Some(given) = self.word(fields.get(key), &listed(&names)) else { return default.1 };
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

    /// Returns the id of a step for which the file contains none: the phase's id, `_`, and the
    /// step's number from 1.
    pub(super) fn derived_id(phase: &str, index: usize) -> String {
        format!("{phase}_{}", index + 1)
    }
}
