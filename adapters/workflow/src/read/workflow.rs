use serde_json::Value;

use super::Reader;
use super::fields::Part;
use crate::definition::{
    Action, Activation, Input, InputType, Located, ON_ERROR, Output, Phase, Position, ROLLBACK, Resume, Step,
    Transition, Workflow,
};
use crate::nearest::nearest;
use crate::schema::Schema;
use crate::tree::{Kind, Node};

const FOREIGN_KEYS: [(&str, &str); 3] = [
    ("jobs", "a workflow of GitHub Actions"),
    ("services", "a Compose file"),
    ("apiVersion", "a manifest of Kubernetes"),
];

impl Reader<'_> {
    pub(super) fn document(&mut self, document: &Node, fallback_id: &str) -> Option<Workflow> {
        let part = Part { node: document, schema: Schema::file() };
        if let Kind::Map(map) = &document.value
            && !map.iter().any(|(key, _)| key.value == "workflow")
        {
            self.foreign_file(document.position, map);
            return None;
        }
        let top = self.fields(part, "a workflow file")?;
        self.workflow(top.get("workflow")?, fallback_id)
    }

    fn foreign_file(&mut self, position: Position, map: &[(Located<String>, Node)]) {
        let has = |wanted: &str| map.iter().any(|(key, _)| key.value == wanted);
        let program = FOREIGN_KEYS.iter().find(|(key, _)| has(key)).map(|(_, program)| *program);
        let program = program.map(|program| format!("; it seems to be {program}")).unwrap_or_default();
        let misspelt = map.iter().find(|(key, _)| nearest(&key.value, ["workflow"]).is_some());
        let place = misspelt.map_or(position, |(key, _)| key.position);
        let problem = self.problems.error(place, format!("not a workflow file: it has no key `workflow`{program}"));
        problem.meaning(misspelt.map(|_| "workflow".to_owned()));
    }

    fn workflow(&mut self, part: Part<'_>, fallback_id: &str) -> Option<Workflow> {
        let fields = self.fields(part, "the workflow")?;
        let phases = self.list(fields.get("phases"), "a list of phases");
        // `list` reports a value that is not a list; `fields` reports a missing value.
        if phases.is_empty() && fields.get("phases").is_some_and(|part| matches!(part.node.value, Kind::List(_))) {
            self.problems.error(fields.position, "the workflow has no `phases`");
        }
        Some(Workflow {
            id: self.value(fields.get("id"), "an id").unwrap_or_else(|| fallback_id.to_owned()),
            name: self.value(fields.get("name"), "a name"),
            description: self.value(fields.get("description"), "a string"),
            version: self.value(fields.get("version"), "a version"),
            orchestrator: self.value(fields.get("orchestrator"), "a name"),
            inputs: self.each(fields.get("inputs"), "a list of inputs", Self::input),
            phases: phases.into_iter().enumerate().filter_map(|(index, phase)| self.phase(phase, index)).collect(),
            transitions: self.each(fields.get("transitions"), "a list of transitions", Self::transition),
            outputs: self.each(fields.get("outputs"), "a list of outputs", Self::output),
            activation: fields.get("activation").and_then(|part| self.activation(part)),
            rollback: fields.get("rollback").and_then(|part| self.rollback(part)),
            on_error: fields.get("on_error").map(|part| self.on_error(part)),
            resume: self.choice(&fields, "resume", [("here", Resume::Here), ("anywhere", Resume::Anywhere)]),
            position: fields.position,
        })
    }

    fn input(&mut self, part: Part<'_>) -> Option<Input> {
        if matches!(part.node.value, Kind::Text(_)) {
            let (position, description) = (part.node.position, None);
            let name = self.value(Some(part), "a name")?;
            let (kind, values) = (InputType::default(), Vec::new());
            return Some(Input { name, kind, required: false, description, values, default: None, position });
        }
        let fields = self.fields(part, "an input")?;
        let kind: Option<String> = self.value(fields.get("type"), "a type");
        Some(Input {
            name: self.value(fields.get("name"), "a name")?,
            kind: kind.map(|kind| InputType::of(&kind)).unwrap_or_default(),
            required: self.value(fields.get("required"), "true or false").unwrap_or(false),
            description: self.value(fields.get("description"), "a string"),
            values: self.values(fields.get("values")),
            // `default: null` sets null as the default; without the key there is no default.
            default: fields.get_or_null("default").map(|part| part.node.value.to_json()),
            position: fields.position,
        })
    }

    fn values(&mut self, part: Option<Part<'_>>) -> Vec<Value> {
        let list = self.list(part, "a list of values");
        let is_allowed = |reader: &mut Self, value: &Part<'_>| {
            let is_allowed = value.schema.allows(&value.node.value);
            if !is_allowed {
                reader.other_kind(value.node, "a string, a number or a boolean");
            }
            is_allowed
        };
        list.into_iter().filter(|value| is_allowed(self, value)).map(|value| value.node.value.to_json()).collect()
    }

    fn transition(&mut self, part: Part<'_>) -> Option<Transition> {
        let fields = self.fields(part, "a transition")?;
        let from = self.value(fields.get("from"), "the id of a phase");
        let to = self.value(fields.get("to"), "the id of a phase");
        let condition = self.value(fields.get("condition"), "a condition");
        Some(Transition { from: from?, to: to?, condition, position: fields.position })
    }

    fn output(&mut self, part: Part<'_>) -> Option<Output> {
        if matches!(part.node.value, Kind::Text(_)) {
            let (position, name) = (part.node.position, self.value(Some(part), "a name")?);
            return Some(Output { name, kind: None, location: None, required: false, description: None, position });
        }
        let fields = self.fields(part, "an output")?;
        Some(Output {
            name: self.value(fields.get("name"), "a name")?,
            kind: self.value(fields.get("type"), "a type"),
            location: self.value(fields.get("location"), "a location"),
            required: self.value(fields.get("required"), "true or false").unwrap_or(false),
            description: self.value(fields.get("description"), "a string"),
            position: fields.position,
        })
    }

    fn activation(&mut self, part: Part<'_>) -> Option<Activation> {
        let fields = self.fields(part, "`activation`")?;
        let _for_people: Option<String> = self.value(fields.get("description"), "a string");
        Some(Activation {
            condition: self.value(fields.get("condition"), "a condition"),
            fallback_workflow: self.value(fields.get("fallback_workflow"), "the id of a workflow"),
            position: fields.position,
        })
    }

    fn rollback(&mut self, part: Part<'_>) -> Option<Phase> {
        let fields = self.fields(part, "`rollback`")?;
        let _for_people: Option<String> = self.value(fields.get("trigger"), "a name");
        let steps = self.steps_aside(fields.get("steps"), ROLLBACK);
        Some(Phase::aside(ROLLBACK, steps, fields.position))
    }

    fn on_error(&mut self, part: Part<'_>) -> Phase {
        Phase::aside(ON_ERROR, self.steps_aside(Some(part), ON_ERROR), part.node.position)
    }

    fn steps_aside(&mut self, part: Option<Part<'_>>, phase: &str) -> Vec<Step> {
        let list = self.list(part, "a list of steps").into_iter().enumerate();
        list.filter_map(|(index, part)| self.named_step(part, phase, index)).collect()
    }

    /// Reads a step of `rollback` or `on_error`. A text is the name of a command.
    fn named_step(&mut self, part: Part<'_>, phase: &str, index: usize) -> Option<Step> {
        if !matches!(part.node.value, Kind::Text(_)) {
            return self.step(part, phase, index);
        }
        let command = self.value(Some(part), "the name of a command")?;
        Some(Step::new(Step::derived_id(phase, index), Action::Command(command), part.node.position))
    }
}
