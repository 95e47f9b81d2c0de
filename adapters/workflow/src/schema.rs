//! The keys of a workflow file's mappings, taken from its JSON Schema.
//!
//! `docs/schema/workflow.schema.json` is the single description of the format: editors use it for
//! completion and checks, and the reader accepts the keys that it lists. [`crate::check`]
//! implements the rules that a schema cannot express.

use std::sync::LazyLock;

use crate::tree::{self, Kind, Node};

/// The schema, parsed as YAML because that keeps the order of the keys; JSON is a subset of YAML.
static SCHEMA: LazyLock<Node> = LazyLock::new(|| {
    tree::parse(include_str!("../../../docs/schema/workflow.schema.json")).expect("the tests read the schema")
});

/// The name of the whole file among the definitions.
pub(crate) const FILE: &str = "File";

/// Returns the keys of a definition, in the order of the schema.
pub(crate) fn keys(definition: &str) -> Vec<&'static str> {
    let mapping = match definition {
        FILE => Some(&*SCHEMA),
        definition => get(&SCHEMA, "$defs").and_then(|definitions| get(definitions, definition)),
    };
    let properties = mapping.and_then(|mapping| get(mapping, "properties")).map(|properties| &properties.value);
    let Some(Kind::Map(properties)) = properties else { unreachable!("the schema defines {definition}") };
    properties.iter().map(|(key, _)| key.value.as_str()).collect()
}

fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Kind::Map(map) = &node.value else { return None };
    map.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
}
