//! Mappings with known keys, and the plain values in them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Reader;
use crate::definition::{Located, Position};
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::schema;
use crate::tree::{Kind, Node};

/// The entries of a mapping, each key known and given once. A key without a value counts as not given.
pub(super) struct Fields<'n> {
    entries: BTreeMap<&'n str, &'n Node>,
    /// Where the mapping begins.
    pub(super) position: Position,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.get(key).copied().filter(|node| node.value != Kind::Null)
    }

    /// The same, but a null that somebody wrote counts.
    pub(super) fn get_or_null(&self, key: &str) -> Option<&'n Node> {
        self.entries.get(key).copied()
    }
}

impl Reader<'_> {
    /// The entries of a mapping; `None` if the node is not one. `what` is its noun for messages, as in "a phase", and
    /// `definition` its name in the schema.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &str, definition: &str) -> Option<Fields<'n>> {
        let keys = &schema::keys(definition);
        let Kind::Map(map) = &node.value else {
            self.other_kind(node, &format!("{what}, a mapping with {}", listed(keys)));
            return None;
        };
        let mut entries = BTreeMap::new();
        for (key, value) in map {
            if !keys.contains(&key.value.as_str()) {
                self.unknown_key(key, what, keys);
            } else if entries.insert(key.value.as_str(), value).is_some() {
                self.error(key.position, || format!("the key `{}` is given twice", key.value));
            }
        }
        Some(Fields { entries, position: node.position })
    }

    fn unknown_key(&mut self, key: &Located<String>, what: &str, keys: &[&str]) {
        self.problems.add({
            let meant = nearest(&key.value, keys.iter().copied());
            let problem = Problem::error(key.position, format!("unknown key `{}` in {what}", key.value));
            if meant.is_some() { problem.meaning(meant) } else { problem.expecting(listed(keys)) }
        });
    }

    /// The elements of a list; none of them where there is none, and where the value is none.
    pub(super) fn list<'n>(&mut self, node: Option<&'n Node>, what: &str) -> &'n [Node] {
        match node.map(|node| (&node.value, node)) {
            None => &[],
            Some((Kind::List(list), _)) => list,
            Some((_, node)) => {
                self.other_kind(node, what);
                &[]
            }
        }
    }

    /// The entries of a mapping whose keys are names of the author, each given once.
    pub(super) fn named<'n>(&mut self, node: Option<&'n Node>, what: &str) -> Vec<(&'n Located<String>, &'n Node)> {
        let Some(node) = node else { return Vec::new() };
        let Kind::Map(map) = &node.value else {
            self.other_kind(node, what);
            return Vec::new();
        };
        let mut seen = BTreeMap::new();
        for (key, value) in map {
            if seen.insert(key.value.as_str(), value).is_some() {
                self.error(key.position, || format!("`{}` is given twice", key.value));
            }
        }
        map.iter().map(|(key, value)| (key, value)).collect()
    }

    /// A text. An empty one is a problem where `what` must be something.
    pub(super) fn text(&mut self, node: Option<&Node>, what: &str) -> Option<Located<String>> {
        let node = node?;
        match &node.value {
            Kind::Text(text) => Some(Located::new(text.clone(), node.position)),
            other => {
                let quoted = matches!(other, Kind::Number(..) | Kind::Bool(_));
                self.other_kind(node, &if quoted { format!("{what}, in quotes") } else { what.to_owned() });
                None
            }
        }
    }

    /// A text that is not empty.
    pub(super) fn word(&mut self, node: Option<&Node>, what: &str) -> Option<Located<String>> {
        let word = self.text(node, what)?;
        if word.value.trim().is_empty() {
            self.problems.add(Problem::error(word.position, "there is nothing here").expecting(what));
            return None;
        }
        Some(word)
    }

    /// A text, a number or a truth value, in words.
    pub(super) fn scalar(&mut self, node: Option<&Node>, what: &str) -> Option<Located<String>> {
        let node = node?;
        match &node.value {
            Kind::Number(_, written) => Some(Located::new(written.clone(), node.position)),
            Kind::Bool(value) => Some(Located::new(value.to_string(), node.position)),
            _ => self.text(Some(node), what),
        }
    }

    /// A truth value.
    pub(super) fn flag(&mut self, node: Option<&Node>) -> Option<bool> {
        let node = node?;
        if let Kind::Bool(value) = node.value {
            return Some(value);
        }
        self.other_kind(node, "true or false");
        None
    }

    /// A whole number from 0 on.
    pub(super) fn count(&mut self, node: Option<&Node>) -> Option<u32> {
        let node = node?;
        if let Kind::Number(number, _) = &node.value
            && let Some(count) = number.as_u64().and_then(|number| u32::try_from(number).ok())
        {
            return Some(count);
        }
        self.other_kind(node, "a whole number from 0 on");
        None
    }

    /// A span of time that is not zero.
    pub(super) fn span(&mut self, node: Option<&Node>) -> Option<Duration> {
        let word = self.scalar(node, "a time: a number of seconds, or as in 500ms, 5m, 1h30m")?;
        match autoproc_time_text::parse_positive(&word.value) {
            Ok(span) => Some(span),
            Err(invalid) => {
                self.error(word.position, || format!("`{}` is no time: {invalid}", word.value));
                None
            }
        }
    }

    /// Says that a node is of another kind than what is wanted.
    pub(super) fn other_kind(&mut self, node: &Node, wanted: &str) {
        self.problems
            .add(Problem::error(node.position, format!("{} stands here", node.value.noun())).expecting(wanted));
    }

    /// Says that something must be there.
    pub(super) fn missing(&mut self, position: Position, what: &str, key: &str) {
        self.error(position, || format!("{what} has no `{key}`"));
    }
}

/// Words, one after the other, as people list them.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}
