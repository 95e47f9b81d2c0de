//! The JSON Schema of workflow files, `docs/schema/workflow.schema.json`.
//!
//! The reader takes the allowed keys and kinds of values from the schema. [`crate::check`]
//! implements the rules beyond the schema. The reader supports only the keywords in use, and the
//! tests compare the reader with the whole schema.

use std::sync::LazyLock;

use crate::tree::{self, Kind, Node};

/// The JSON file is parsed as YAML, because the YAML tree keeps the order of the keys.
static FILE: LazyLock<Node> = LazyLock::new(|| {
    tree::parse(include_str!("../../../docs/schema/workflow.schema.json")).expect("the tests read the schema")
});

/// The part of the schema file that describes one value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema(&'static Node);

impl Schema {
    pub(crate) fn file() -> Self {
        Self(&FILE)
    }

    /// Returns the keys of a mapping, each with the schema of its value.
    pub(crate) fn keys(self) -> Vec<(&'static str, Self)> {
        match self.find("properties") {
            Some(Kind::Map(keys)) => keys.iter().map(|(key, value)| (key.value.as_str(), Self(value))).collect(),
            _ => unreachable!("this part of the schema has no mapping `properties`: {self:?}"),
        }
    }

    pub(crate) fn required(self) -> Vec<&'static str> {
        self.find("required").map(texts).unwrap_or_default()
    }

    /// Returns the schema of list elements or mapping values.
    pub(crate) fn elements(self) -> Self {
        let mut forms = self.forms().into_iter();
        let elements = forms.find_map(|form| form.get("items").or_else(|| form.get("additionalProperties")));
        elements.unwrap_or_else(|| unreachable!("the schema has no such list: {self:?}"))
    }

    /// True if the schema allows this kind. Integers have the kind `Number`.
    pub(crate) fn allows(self, kind: &Kind) -> bool {
        let names: &[&str] = match kind {
            Kind::Null => &["null"],
            Kind::Bool(_) => &["boolean"],
            Kind::Number(..) => &["number", "integer"],
            Kind::Text(_) => &["string"],
            Kind::List(_) => &["array"],
            Kind::Map(_) => &["object"],
        };
        self.types().iter().any(|name| names.contains(name))
    }

    pub(crate) fn is_text(self) -> bool {
        let types = self.types();
        types.contains(&"string") && !types.contains(&"number")
    }

    /// True if the schema has a pattern or a constant; both exclude blank texts.
    pub(crate) fn refuses_blank(self) -> bool {
        self.find("pattern").or_else(|| self.find("const")).is_some()
    }

    fn types(self) -> Vec<&'static str> {
        self.forms().into_iter().filter_map(|form| form.value("type")).flat_map(texts).collect()
    }

    fn find(self, keyword: &str) -> Option<&'static Kind> {
        self.forms().into_iter().find_map(|form| form.value(keyword))
    }

    /// Returns the alternatives in `anyOf` or `oneOf`, with references resolved.
    fn forms(self) -> Vec<Self> {
        if let Some(Kind::Text(reference)) = self.value("$ref") {
            let mut path = reference.trim_start_matches("#/").split('/');
            let target = path.try_fold(Self::file(), Self::get);
            return target.unwrap_or_else(|| unreachable!("the schema has no {reference}")).forms();
        }
        match self.value("anyOf").or_else(|| self.value("oneOf")) {
            Some(Kind::List(forms)) if self.value("type").is_none() => {
                forms.iter().flat_map(|form| Self(form).forms()).collect()
            }
            _ => vec![self],
        }
    }

    fn get(self, key: &str) -> Option<Self> {
        let Kind::Map(map) = &self.0.value else { return None };
        map.iter().find(|(name, _)| name.value == key).map(|(_, value)| Self(value))
    }

    fn value(self, keyword: &str) -> Option<&'static Kind> {
        self.get(keyword).map(|found| &found.0.value)
    }
}

fn texts(kind: &'static Kind) -> Vec<&'static str> {
    match kind {
        Kind::Text(text) => vec![text],
        Kind::List(list) => list.iter().flat_map(|node| texts(&node.value)).collect(),
        _ => Vec::new(),
    }
}
