use serde_json::{Map, Value, json};

use super::samples::{ARRIVAL, EVERYTHING, LETTERS};
use super::validator::Validator;
use crate::Severity;
use crate::tests::read;
use crate::tree;

const SCHEMA: &str = include_str!("../../../../../docs/schema/workflow.schema.json");

fn definitions() -> Vec<Value> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let inner = schema["$defs"].as_object().unwrap().values().cloned().collect::<Vec<_>>();
    inner.into_iter().chain([schema]).collect()
}

#[test]
fn the_sample_has_every_key() {
    for definition in definitions() {
        for (key, _) in definition["properties"].as_object().into_iter().flatten() {
            assert!(EVERYTHING.contains(&format!("{key}:")), "{key} is missing");
        }
    }
}

#[test]
fn mappings_may_have_other_keys() {
    for definition in definitions().iter().filter(|definition| definition.get("properties").is_some()) {
        assert_eq!(definition.get("additionalProperties"), None, "{definition:#}");
    }
}

/// A minimal document with a mapping of the type `definition`.
struct Sample {
    definition: &'static str,
    /// The JSON text of the document. `HERE` marks the mapping.
    document: &'static str,
    /// The mandatory entries of the mapping.
    base: Value,
    alternatives: Value,
}

#[rustfmt::skip]
fn samples() -> Vec<Sample> {
    let phases = r#"{"workflow": {"phases": [HERE]}}"#;
    let steps = r#"{"workflow": {"phases": [{"id": "p", "steps": [HERE]}]}}"#;
    let execute = r#"{"workflow": {"phases": [{"id": "p", "steps": [{"execute": HERE}]}]}}"#;
    let checkpoint = r#"{"workflow": {"phases": [{"id": "p", "task": "t", "checkpoint": HERE}]}}"#;
    let inputs = r#"{"workflow": {"phases": [{"id": "p", "task": "t"}], "inputs": [HERE]}}"#;
    let transitions = r#"{"workflow": {"phases": [{"id": "p", "task": "t"}], "transitions": [HERE]}}"#;
    let outputs = r#"{"workflow": {"phases": [{"id": "p", "task": "t"}], "outputs": [HERE]}}"#;
    let rollback = r#"{"workflow": {"phases": [{"id": "p", "task": "t"}], "rollback": HERE}}"#;
    let activation = r#"{"workflow": {"phases": [{"id": "p", "task": "t"}], "activation": HERE}}"#;
    let sample = |definition, document, base, alternatives| Sample { definition, document, base, alternatives };
    let step = json!({"run": ["x"]});
    vec![
        sample("File", "HERE", json!({"workflow": {"phases": [{"id": "p", "task": "t"}]}}), json!({})),
        sample("Workflow", r#"{"workflow": HERE}"#, json!({"phases": [{"id": "p", "task": "t"}]}), json!({})),
        sample("Input", inputs, json!({"name": "n"}), json!({})),
        sample("Phase", phases, json!({"id": "p"}), json!({"task": "t", "steps": [step]})),
        sample("Checkpoint", checkpoint, json!({}), json!({})),
        sample("Step", steps, json!({}), json!({"run": ["x"], "shell": "x", "execute": {"task": "t"}, "task": "t", "command": "c", "action": "a"})),
        sample("Execute", execute, json!({}), json!({"command": "c", "task": "t", "agent": "a"})),
        sample("Transition", transitions, json!({"from": "p", "to": "p"}), json!({})),
        sample("Output", outputs, json!({"name": "n"}), json!({})),
        sample("Rollback", rollback, json!({}), json!({})),
        sample("Activation", activation, json!({}), json!({})),
    ]
}

impl Sample {
    fn with(&self, key: &str, value: Option<&Value>) -> Value {
        let mut mapping = self.base.as_object().unwrap().clone();
        let alternatives = self.alternatives.as_object().unwrap();
        let is_enough = alternatives.contains_key(key) && value.is_some_and(|value| !value.is_null());
        let mut others = alternatives.iter().filter(|(other, _)| *other != key && !is_enough);
        mapping.extend(others.next().map(|(other, value)| (other.clone(), value.clone())));
        match value {
            Some(value) => mapping.insert(key.to_owned(), value.clone()),
            None => mapping.remove(key),
        };
        serde_json::from_str(&self.document.replace("HERE", &Value::from(mapping).to_string())).unwrap()
    }
}

fn values() -> Vec<Value> {
    let texts = ["text", "", " ", "file", "json", "never", "always", "here", "anywhere"].map(Value::from);
    let numbers = [json!(0), json!(1), json!(-1), json!(1.5), json!(4_294_967_295_u32), json!(4_294_967_296_u64)];
    let single: Vec<_> =
        [Value::Null, json!(true), json!([]), json!({})].into_iter().chain(texts).chain(numbers).collect();
    // Leaves out `[""]`: the reader rejects an empty program name, but the schema accepts it.
    let lists = single.iter().filter(|value| **value != json!("")).map(|value| json!([value]));
    let mappings = single.iter().map(|value| json!({"text": value}));
    single.iter().cloned().chain(lists).chain(mappings).collect()
}

fn is_read(document: &Value) -> bool {
    let reading = read(&document.to_string(), "fallback");
    reading.workflow.is_some() && reading.problems.iter().all(|problem| problem.severity != Severity::Error)
}

#[test]
fn the_schema_accepts_what_the_reader_accepts() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut definitions = schema["$defs"].as_object().unwrap().clone();
    let validator = Validator(schema.clone());
    definitions.insert("File".to_owned(), schema);
    let samples = samples();
    let mut differences = Vec::new();
    for (name, definition) in definitions.iter().filter(|(_, definition)| definition.get("properties").is_some()) {
        let sample = samples.iter().find(|sample| sample.definition == name).unwrap_or_else(|| panic!("{name}"));
        for (key, value) in entries_of(definition) {
            let document = sample.with(&key, value.as_ref());
            let (is_valid, is_read) = (validator.accepts(&document), is_read(&document));
            if is_valid != is_read {
                differences.push(format!("{name}: the schema: {is_valid}, the reader: {is_read}: {document}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_schema_accepts_the_samples() {
    let validator = Validator(serde_json::from_str(SCHEMA).unwrap());
    for text in [LETTERS, ARRIVAL, EVERYTHING] {
        assert!(validator.accepts(&tree::parse(text).unwrap().value.to_json()), "{text}");
    }
}

fn entries_of(definition: &Value) -> Vec<(String, Option<Value>)> {
    let values: Vec<_> = values().into_iter().map(Some).chain([None]).collect();
    let keys: &Map<String, Value> = definition["properties"].as_object().unwrap();
    keys.keys().flat_map(|key| values.iter().map(|value| (key.clone(), value.clone()))).collect()
}
