//! The JSON Schema, from which the reader takes its keys.

use serde_json::Value;

use super::samples::EVERYTHING;

const SCHEMA: &str = include_str!("../../../../../docs/schema/workflow.schema.json");

fn definitions() -> Vec<Value> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let inner = schema["$defs"].as_object().unwrap().values().cloned().collect::<Vec<_>>();
    inner.into_iter().chain([schema]).collect()
}

/// Ensures that tests of the sample cover every key and every definition.
#[test]
fn the_sample_has_every_key() {
    for definition in definitions() {
        for (key, _) in definition["properties"].as_object().into_iter().flatten() {
            assert!(EVERYTHING.contains(&format!("{key}:")), "{key} is missing");
        }
    }
}

/// The reader refuses an unknown key, so an editor must not accept one either.
#[test]
fn mappings_have_no_other_keys() {
    for definition in definitions().iter().filter(|definition| definition.get("properties").is_some()) {
        assert_eq!(definition["additionalProperties"], false, "{definition:#}");
    }
}
