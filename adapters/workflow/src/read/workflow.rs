use super::Reader;
use super::fields::Fields;
use crate::definition::{Input, InputType, Located, OnError, Output, Transition, Workflow};
use crate::schema;
use crate::tree::{Kind, Node};

impl Reader<'_> {
    pub(super) fn document(&mut self, document: &Node, fallback_id: &str) -> Option<Workflow> {
        let top = self.fields(document, "a workflow file", schema::FILE)?;
        let Some(workflow) = top.get("workflow") else {
            self.problems.error(top.position, "the file has no `workflow`");
            return None;
        };
        self.workflow(workflow, fallback_id)
    }

    fn workflow(&mut self, node: &Node, fallback_id: &str) -> Option<Workflow> {
        let fields = self.fields(node, "the workflow", "Workflow")?;
        let phases = self.list(fields.get("phases"), "a list of phases");
        if phases.is_empty() {
            self.problems.error(fields.position, "the workflow has no `phases`");
        }
        Some(Workflow {
            id: self.word(fields.get("id"), "an id").map_or_else(|| fallback_id.to_owned(), |id| id.value),
            name: self.scalar(fields.get("name"), "a name").map(|name| name.value),
            description: self.text(fields.get("description"), "a string").map(|text| text.value),
            version: self.scalar(fields.get("version"), "a version").map(|version| version.value),
            orchestrator: self.text(fields.get("orchestrator"), "a name"),
            inputs: self.each(fields.get("inputs"), "a list of inputs", Self::input),
            phases: phases.iter().enumerate().filter_map(|(index, phase)| self.phase(phase, index)).collect(),
            transitions: self.each(fields.get("transitions"), "a list of transitions", Self::transition),
            outputs: self.each(fields.get("outputs"), "a list of outputs", Self::output),
            on_error: self.each(fields.get("on_error"), "a list of actions", Self::action_on_error),
            position: node.position,
        })
    }

    fn input(&mut self, node: &Node) -> Option<Input> {
        let fields = self.fields(node, "an input", "Input")?;
        let name = self.required(&fields, "an input", "name", "a name")?;
        let kind = self.word(fields.get("type"), "a type");
        Some(Input {
            name: name.value,
            kind: kind.map(|kind| InputType::of(&kind.value)).unwrap_or_default(),
            required: self.flag(fields.get("required")).unwrap_or(false),
            description: self.text(fields.get("description"), "a string").map(|text| text.value),
            // An explicit null is a default too.
            default: fields.get_or_null("default").map(|value| value.value.to_json()),
            position: node.position,
        })
    }

    fn transition(&mut self, node: &Node) -> Option<Transition> {
        let fields = self.fields(node, "a transition", "Transition")?;
        let from = self.required(&fields, "a transition", "from", "the id of a phase");
        let to = self.required(&fields, "a transition", "to", "the id of a phase");
        let condition = self.condition(&fields);
        Some(Transition { from: from?, to: to?, condition, position: node.position })
    }

    fn output(&mut self, node: &Node) -> Option<Output> {
        let fields = self.fields(node, "an output", "Output")?;
        let name = self.required(&fields, "an output", "name", "a name")?;
        Some(Output {
            name: name.value,
            kind: self.word(fields.get("type"), "a type").map(|kind| kind.value),
            location: self.text(fields.get("location"), "a location"),
            description: self.text(fields.get("description"), "a string").map(|text| text.value),
            position: node.position,
        })
    }

    fn action_on_error(&mut self, node: &Node) -> Option<OnError> {
        let action = if let Kind::Text(text) = &node.value {
            text.clone()
        } else {
            let fields = self.fields(node, "an action", "OnErrorAction")?;
            self.word(fields.get("action"), "a word")?.value
        };
        Some(OnError { action, position: node.position })
    }

    /// Reads a condition: an expression, or a boolean.
    pub(super) fn condition(&mut self, fields: &Fields<'_>) -> Option<Located<String>> {
        let node = fields.get("condition")?;
        if let Kind::Bool(value) = node.value {
            return Some(Located::new(value.to_string(), node.position));
        }
        self.word(Some(node), "a condition")
    }
}
