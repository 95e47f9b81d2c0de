use super::Reader;
use super::fields::{Fields, Part, listed};
use crate::definition::{Action, EnvironmentEntry, Located, Position, Rerun, Step, StepInput, StepOutput};
use crate::nearest::nearest;
use crate::tree::{Kind, Node};

const ACTIONS: [&str; 6] = ["execute", "run", "shell", "action", "command", "task"];

const TIME: &str = "a time: a number of seconds, or with units, as in 500ms, 5m, 1h30m";

impl Reader<'_> {
    pub(super) fn step(&mut self, part: Part<'_>, phase: &str, index: usize) -> Option<Step> {
        let fields = self.fields(part, "a step")?;
        let mut step = Step::new(Step::derived_id(phase, index), Action::Run(Vec::new()), fields.position);
        if let Some(id) = self.value(fields.get("id"), "an id") {
            (step.id, step.has_own_id) = (id, true);
        }
        step.name = self.value(fields.get("name"), "a name");
        step.description = self.value(fields.get("description"), "a string");
        step.condition = self.value(fields.get("condition"), "a condition");
        // If the step has no action, the method `action` reports an error. The step is kept;
        // otherwise references to the step would be reported too.
        self.action(&fields, &mut step);
        step.timeout = self.value(fields.get("timeout"), TIME);
        step.retries = self.value(fields.get("retries"), "a non-negative integer").unwrap_or(0);
        step.env = fields.get("env").map(|env| self.env(env)).unwrap_or_default();
        step.workdir = self.value(fields.get("workdir"), "a folder");
        step.output = self.choice(&fields, "output", [("file", StepOutput::File), ("json", StepOutput::Json)]);
        step.rerun = self.choice(&fields, "rerun", [("never", Rerun::Never), ("always", Rerun::Always)]);
        Some(step)
    }

    fn action(&mut self, fields: &Fields<'_>, step: &mut Step) {
        let given: Vec<_> = ACTIONS.iter().filter_map(|key| Some((*key, fields.get(key)?))).collect();
        let (position, message) = match given.as_slice() {
            [("execute", part)] => return self.execute(*part, fields, step),
            [(key, part)] => {
                step.inputs = self.inputs_of(fields);
                let action = match *key {
                    "run" => self.run(*part),
                    "shell" => self.shell(*part),
                    key => self.named_action(fields, key),
                };
                step.action = action.unwrap_or(Action::Run(Vec::new()));
                return;
            }
            [] => (fields.position, "the step has no action"),
            [_, (_, second), ..] => (second.node.position, "the step has more than one action"),
        };
        self.problems.error(position, message).expecting("one of `execute`, `run`, `shell`");
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

    fn argument(&mut self, part: Part<'_>, wanted: &str) -> Option<Located<String>> {
        let text: Located<String> = self.value(Some(part), wanted)?;
        if text.value.contains('\0') {
            self.problems.error(text.position, "a NUL character cannot be passed to a process");
        }
        Some(text)
    }

    pub(super) fn inputs_of(&mut self, fields: &Fields<'_>) -> Vec<StepInput> {
        let Some(inputs) = fields.get("inputs") else { return Vec::new() };
        self.named(inputs, "a mapping of names and values").iter().map(StepInput::of).collect()
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

    /// Reads one of two words. The first word is the default.
    pub(super) fn choice<T: Copy>(&mut self, fields: &Fields<'_>, key: &str, words: [(&str, T); 2]) -> T {
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

impl StepInput {
    pub(super) fn of((name, node): &(Located<String>, Node)) -> Self {
        Self { name: name.value.clone(), value: node.value.to_json(), position: node.position }
    }
}

impl Step {
    pub(super) fn new(id: String, action: Action, position: Position) -> Self {
        Self {
            id,
            has_own_id: false,
            name: None,
            description: None,
            condition: None,
            action,
            inputs: Vec::new(),
            params: Vec::new(),
            timeout: None,
            retries: 0,
            env: Vec::new(),
            workdir: None,
            output: StepOutput::default(),
            rerun: Rerun::default(),
            position,
        }
    }

    pub(super) fn derived_id(phase: &str, index: usize) -> String {
        format!("{phase}_{}", index + 1)
    }
}
