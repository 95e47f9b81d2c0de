use super::Reader;
use super::fields::Part;
use crate::definition::{Input, InputType, OnError, Output, Transition, Workflow};
use crate::schema::Schema;
use crate::tree::{Kind, Node};

impl Reader<'_> {
    pub(super) fn document(&mut self, document: &Node, fallback_id: &str) -> Option<Workflow> {
        let top = self.fields(Part { node: document, schema: Schema::file() }, "a workflow file")?;
        self.workflow(top.get("workflow")?, fallback_id)
    }

    fn workflow(&mut self, part: Part<'_>, fallback_id: &str) -> Option<Workflow> {
        let fields = self.fields(part, "the workflow")?;
        let phases = self.list(fields.get("phases"), "a list of phases");
        if phases.is_empty() && fields.get("phases").is_some() {
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
            on_error: self.each(fields.get("on_error"), "a list of actions", Self::action_on_error),
            position: fields.position,
        })
    }

    fn input(&mut self, part: Part<'_>) -> Option<Input> {
        let fields = self.fields(part, "an input")?;
        let kind: Option<String> = self.value(fields.get("type"), "a type");
        Some(Input {
            name: self.value(fields.get("name"), "a name")?,
            kind: kind.map(|kind| InputType::of(&kind)).unwrap_or_default(),
            required: self.value(fields.get("required"), "true or false").unwrap_or(false),
            description: self.value(fields.get("description"), "a string"),
            // `default: null` sets null as the default; without the key there is no default.
            default: fields.get_or_null("default").map(|part| part.node.value.to_json()),
            position: fields.position,
        })
    }

    fn transition(&mut self, part: Part<'_>) -> Option<Transition> {
        let fields = self.fields(part, "a transition")?;
        let from = self.value(fields.get("from"), "the id of a phase");
        let to = self.value(fields.get("to"), "the id of a phase");
        let condition = self.value(fields.get("condition"), "a condition");
        Some(Transition { from: from?, to: to?, condition, position: fields.position })
    }

    fn output(&mut self, part: Part<'_>) -> Option<Output> {
        let fields = self.fields(part, "an output")?;
        Some(Output {
            name: self.value(fields.get("name"), "a name")?,
            kind: self.value(fields.get("type"), "a type"),
            location: self.value(fields.get("location"), "a location"),
            description: self.value(fields.get("description"), "a string"),
            position: fields.position,
        })
    }

    fn action_on_error(&mut self, part: Part<'_>) -> Option<OnError> {
        let action = if let Kind::Text(text) = &part.node.value {
            text.clone()
        } else {
            let fields = self.fields(part, "an action")?;
            self.value(fields.get("action"), "a word")?
        };
        Some(OnError { action, position: part.node.position })
    }
}
