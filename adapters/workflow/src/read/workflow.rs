//! The top of a workflow file: inputs, transitions, outputs.

use super::fields::Fields;
use super::{Reader, plain};
use crate::definition::{Input, InputType, Located, OnError, Output, Transition, Workflow};
use crate::problem::Problem;
use crate::schema;
use crate::tree::{Kind, Node};

impl Reader<'_> {
    pub(super) fn document(&mut self, document: &Node, fallback_id: &str) -> Option<Workflow> {
        let top = self.fields(document, "a workflow file", schema::FILE)?;
        match top.get("workflow") {
            Some(workflow) => self.workflow(workflow, fallback_id),
            None => {
                self.missing(top.position, "the file", "workflow");
                None
            }
        }
    }

    fn workflow(&mut self, node: &Node, fallback_id: &str) -> Option<Workflow> {
        let fields = self.fields(node, "the workflow", "Workflow")?;
        let phases = self.list(fields.get("phases"), "a list of phases");
        if phases.is_empty() {
            self.missing(fields.position, "the workflow", "phases");
        }
        Some(Workflow {
            id: self.word(fields.get("id"), "an id").map_or_else(|| fallback_id.to_owned(), |id| id.value),
            name: self.scalar(fields.get("name"), "a name").map(|name| name.value),
            description: self.text(fields.get("description"), "a text").map(|text| text.value),
            version: self.scalar(fields.get("version"), "a version").map(|version| version.value),
            orchestrator: self.text(fields.get("orchestrator"), "a name"),
            inputs: self.inputs(&fields),
            phases: phases.iter().enumerate().filter_map(|(index, phase)| self.phase(phase, index)).collect(),
            transitions: self.transitions(&fields),
            outputs: self.outputs(&fields),
            on_error: self.on_error(&fields),
            position: node.position,
        })
    }

    fn inputs(&mut self, workflow: &Fields<'_>) -> Vec<Input> {
        let list = self.list(workflow.get("inputs"), "a list of inputs");
        list.iter().filter_map(|input| self.input(input)).collect()
    }

    fn input(&mut self, node: &Node) -> Option<Input> {
        let fields = self.fields(node, "an input", "Input")?;
        let Some(name) = self.word(fields.get("name"), "a name") else {
            self.unless_given(&fields, "an input", "name");
            return None;
        };
        let kind = self.word(fields.get("type"), "a type");
        Some(Input {
            name: name.value,
            kind: kind.as_ref().map(|kind| input_type(&kind.value)).unwrap_or_default(),
            required: self.flag(fields.get("required")).unwrap_or(false),
            description: self.text(fields.get("description"), "a text").map(|text| text.value),
            default: fields.get_or_null("default").map(|value| value.value.to_json()),
            position: node.position,
        })
    }

    fn transitions(&mut self, workflow: &Fields<'_>) -> Vec<Transition> {
        let list = self.list(workflow.get("transitions"), "a list of transitions");
        list.iter().filter_map(|transition| self.transition(transition)).collect()
    }

    fn transition(&mut self, node: &Node) -> Option<Transition> {
        let fields = self.fields(node, "a transition", "Transition")?;
        let from = self.end(&fields, "from");
        let to = self.end(&fields, "to");
        let condition = self.condition(&fields);
        Some(Transition { from: from?, to: to?, condition, position: node.position })
    }

    fn end(&mut self, transition: &Fields<'_>, key: &str) -> Option<Located<String>> {
        let end = self.word(transition.get(key), "the id of a phase");
        if end.is_none() {
            self.unless_given(transition, "a transition", key);
        }
        end
    }

    fn outputs(&mut self, workflow: &Fields<'_>) -> Vec<Output> {
        let list = self.list(workflow.get("outputs"), "a list of outputs");
        list.iter().filter_map(|output| self.output(output)).collect()
    }

    fn output(&mut self, node: &Node) -> Option<Output> {
        let fields = self.fields(node, "an output", "Output")?;
        let Some(name) = self.word(fields.get("name"), "a name") else {
            self.unless_given(&fields, "an output", "name");
            return None;
        };
        Some(Output {
            name: name.value,
            kind: self.word(fields.get("type"), "a type").as_ref().map(plain),
            location: self.text(fields.get("location"), "a place"),
            description: self.text(fields.get("description"), "a text").map(|text| text.value),
            position: node.position,
        })
    }

    fn on_error(&mut self, workflow: &Fields<'_>) -> Vec<OnError> {
        let list = self.list(workflow.get("on_error"), "a list of actions");
        list.iter().filter_map(|action| self.action_on_error(action)).collect()
    }

    fn action_on_error(&mut self, node: &Node) -> Option<OnError> {
        let action = match &node.value {
            Kind::Text(text) => Some(text.clone()),
            _ => {
                let fields = self.fields(node, "an action", "OnErrorAction")?;
                self.word(fields.get("action"), "a word").map(|word| word.value)
            }
        };
        Some(OnError { action: action?, position: node.position })
    }

    /// A condition: an expression that uses names, or a plain truth value.
    pub(super) fn condition(&mut self, fields: &Fields<'_>) -> Option<Located<String>> {
        let node = fields.get("condition")?;
        if let Kind::Bool(value) = node.value {
            return Some(Located::new(value.to_string(), node.position));
        }
        self.word(Some(node), "a condition")
    }

    /// Says that a key is missing, unless it is there and has been complained of already.
    pub(super) fn unless_given(&mut self, fields: &Fields<'_>, what: &str, key: &str) {
        if fields.get(key).is_none() {
            self.problems.add(Problem::error(fields.position, format!("{what} has no `{key}`")));
        }
    }
}

fn input_type(word: &str) -> InputType {
    match word {
        "string" | "text" => InputType::String,
        "file" | "path" => InputType::File,
        "array" | "list" => InputType::Array,
        "number" => InputType::Number,
        "integer" => InputType::Integer,
        "boolean" | "bool" => InputType::Boolean,
        "object" | "map" => InputType::Object,
        "json" => InputType::Json,
        other => InputType::Other(other.to_owned()),
    }
}
