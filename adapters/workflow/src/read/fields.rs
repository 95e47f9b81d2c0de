//! Reads mappings and lists.

use std::collections::{BTreeMap, BTreeSet};

use super::Reader;
use super::value::Value;
use crate::definition::{Located, Position};
use crate::nearest::nearest;
use crate::schema::Schema;
use crate::tree::{Kind, Node};

/// The meaning of keys that are not in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherKeys {
    AreIgnored,
    AreParameters,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'n> {
    pub(super) node: &'n Node,
    pub(super) schema: Schema,
}

/// The entries of a mapping. If a key is repeated, the last entry counts.
pub(super) struct Fields<'n> {
    entries: BTreeMap<&'n str, Part<'n>>,
    /// The entries with keys outside the schema.
    pub(super) others: Vec<&'n (Located<String>, Node)>,
    pub(super) position: Position,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<Part<'n>> {
        self.get_or_null(key).filter(|part| part.node.value != Kind::Null)
    }

    pub(super) fn get_or_null(&self, key: &str) -> Option<Part<'n>> {
        self.entries.get(key).copied()
    }
}

impl Reader<'_> {
    /// Returns the entries of a mapping, and reports wrong keys. `what` names the mapping in
    /// messages.
    pub(super) fn fields<'n>(&mut self, part: Part<'n>, what: &str) -> Option<Fields<'n>> {
        self.fields_and(OtherKeys::AreIgnored, part, what)
    }

    pub(super) fn fields_and<'n>(&mut self, other_keys: OtherKeys, part: Part<'n>, what: &str) -> Option<Fields<'n>> {
        let schemas = part.schema.keys();
        let keys: Vec<_> = schemas.iter().map(|(key, _)| *key).collect();
        let Kind::Map(map) = &part.node.value else {
            self.other_kind(part.node, &format!("{what}, a mapping with {}", listed(&keys)));
            return None;
        };
        let mut fields = Fields { entries: BTreeMap::new(), others: Vec::new(), position: part.node.position };
        for entry @ (key, node) in map {
            let Some((_, schema)) = schemas.iter().find(|(known, _)| *known == key.value) else {
                self.unknown_key(key, what, &keys, other_keys);
                fields.others.push(entry);
                continue;
            };
            if fields.entries.insert(&key.value, Part { node, schema: *schema }).is_some() {
                self.problems.error(key.position, format!("the key `{}` is given twice", key.value));
            }
        }
        for key in part.schema.required().into_iter().filter(|key| fields.get(key).is_none()) {
            self.problems.error(fields.position, format!("{what} has no `{key}`"));
        }
        Some(fields)
    }

    fn unknown_key(&mut self, key: &Located<String>, what: &str, keys: &[&str], other_keys: OtherKeys) {
        let message = format!("unknown key `{}` in {what}", key.value);
        match (nearest(&key.value, keys.iter().copied()), other_keys) {
            (None, OtherKeys::AreParameters) => {}
            (None, OtherKeys::AreIgnored) => {
                self.problems.note(key.position, format!("{message}: it is ignored"));
            }
            (meant, _) => {
                self.problems.warning(key.position, message).meaning(meant).strictly();
            }
        }
    }

    pub(super) fn list<'n>(&mut self, part: Option<Part<'n>>, wanted: &str) -> Vec<Part<'n>> {
        let Some(Part { node, schema }) = part else { return Vec::new() };
        let Kind::List(list) = &node.value else {
            self.other_kind(node, wanted);
            return Vec::new();
        };
        let schema = schema.elements();
        list.iter().map(|node| Part { node, schema }).collect()
    }

    pub(super) fn each<T>(
        &mut self,
        part: Option<Part<'_>>,
        wanted: &str,
        read: fn(&mut Self, Part<'_>) -> Option<T>,
    ) -> Vec<T> {
        self.list(part, wanted).into_iter().filter_map(|element| read(self, element)).collect()
    }

    /// Returns the entries of a mapping with any keys. `wanted` describes the expected value.
    pub(super) fn named<'n>(&mut self, part: Part<'n>, wanted: &str) -> &'n [(Located<String>, Node)] {
        let Kind::Map(map) = &part.node.value else {
            self.other_kind(part.node, wanted);
            return &[];
        };
        let mut seen = BTreeSet::new();
        for (key, _) in map {
            if !seen.insert(key.value.as_str()) {
                self.problems.error(key.position, format!("`{}` is given twice", key.value));
            }
        }
        map
    }

    pub(super) fn value<T: Value>(&mut self, part: Option<Part<'_>>, wanted: &str) -> Option<T> {
        let Part { node, schema } = part?;
        let kind = &node.value;
        if !schema.allows(kind) {
            let is_unquoted = matches!(kind, Kind::Number(..) | Kind::Bool(_)) && schema.is_text();
            let quotes = if is_unquoted { ", in quotes" } else { "" };
            self.other_kind(node, &format!("{wanted}{quotes}"));
            return None;
        }
        if schema.refuses_blank() && matches!(kind, Kind::Text(text) if text.trim().is_empty()) {
            self.problems.error(node.position, "the value is empty").expecting(wanted);
            return None;
        }
        T::read(self, node, wanted)
    }

    pub(super) fn other_kind(&mut self, node: &Node, wanted: &str) {
        self.problems.error(node.position, format!("found {}", node.value.noun())).expecting(wanted);
    }
}

/// Lists words in quotes: "`a`, `b` or `c`".
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
