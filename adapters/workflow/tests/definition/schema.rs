//! The JSON Schema, against what is committed and what the reader knows.

use std::collections::BTreeSet;
use std::{env, fs};

use autoproc_workflow::read;
use serde_json::Value;

use crate::samples::EVERYTHING;

/// The schema that editors are pointed to.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/workflow.schema.json");

/// Set to anything, it has the schema written instead of compared.
const RENEW: &str = "AUTOPROC_RENEW_SCHEMA";

fn schema() -> Value {
    serde_json::to_value(autoproc_workflow::schema::schema()).unwrap()
}

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    let schema = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if env::var_os(RENEW).is_some() {
        fs::create_dir_all(std::path::Path::new(COMMITTED).parent().unwrap()).unwrap();
        fs::write(COMMITTED, &schema).unwrap();
    }
    let kept = fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        kept == schema,
        "docs/schema/workflow.schema.json is out of date; renew it with {RENEW}=1 cargo test -p autoproc-workflow --test \
         definition schema"
    );
}

/// The keys of a mapping that the schema knows.
fn keys(definition: &str) -> BTreeSet<String> {
    let schema = schema();
    let of = if definition == "File" { &schema } else { &schema["$defs"][definition] };
    of["properties"].as_object().unwrap_or_else(|| panic!("no {definition} in {schema:#}")).keys().cloned().collect()
}

/// The keys that the reader lists where it meets one it does not know. `frame` puts a mapping into its place.
fn keys_read(frame: &str) -> BTreeSet<String> {
    let text = frame.replace("HERE", "{zzzzzzzzzzzz: 1}");
    let reading = read(&text, "x");
    let unknown = reading.problems.iter().find(|problem| problem.message.contains("unknown key `zzzzzzzzzzzz`"));
    let expected =
        unknown.and_then(|problem| problem.expected.clone()).unwrap_or_else(|| panic!("{text}: {reading:?}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn reader_and_schema_know_the_same_keys() {
    for (definition, frame) in [
        ("File", "HERE"),
        ("Workflow", "workflow: HERE"),
        ("Input", "workflow: {inputs: [HERE]}"),
        ("Phase", "workflow: {phases: [HERE]}"),
        ("Checkpoint", "workflow: {phases: [{checkpoint: HERE}]}"),
        ("Step", "workflow: {phases: [{steps: [HERE]}]}"),
        ("Execute", "workflow: {phases: [{steps: [{execute: HERE}]}]}"),
        ("Transition", "workflow: {transitions: [HERE]}"),
        ("Output", "workflow: {outputs: [HERE]}"),
        ("OnErrorAction", "workflow: {on_error: [HERE]}"),
    ] {
        assert_eq!(keys(definition), keys_read(frame), "{definition}");
    }
}

/// The sample with every key really has every key, so that what is tested with it is tested with all of them.
#[test]
fn the_sample_with_every_key_has_every_key() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for key in definitions.flat_map(|definition| definition["properties"].as_object().into_iter().flatten()) {
        assert!(EVERYTHING.contains(&format!("{}:", key.0)), "{} is missing", key.0);
    }
}
