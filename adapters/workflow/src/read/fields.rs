//! Reads mappings with known keys, and the scalars in them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Reader;
use crate::definition::{Located, Position};
use crate::nearest::nearest;
use crate::schema;
use crate::tree::{Kind, Node};

/// The entries of a mapping; the keys are known and unique. A null counts as absent.
pub(super) struct Fields<'n> {
    entries: BTreeMap<&'n str, &'n Node>,
    pub(super) position: Position,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.get_or_null(key).filter(|node| node.value != Kind::Null)
    }

    pub(super) fn get_or_null(&self, key: &str) -> Option<&'n Node> {
        self.entries.get(key).copied()
    }
}

impl Reader<'_> {
    /// Returns the entries of a mapping; `None` if the node is not a mapping. `what` is its noun
    /// for messages, as in "a phase", and `definition` its name in the schema.
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
                self.problems.error(key.position, format!("the key `{}` is given twice", key.value));
            }
        }
        Some(Fields { entries, position: node.position })
    }

    fn unknown_key(&mut self, key: &Located<String>, what: &str, keys: &[&str]) {
        let problem = self.problems.error(key.position, format!("unknown key `{}` in {what}", key.value));
        match nearest(&key.value, keys.iter().copied()) {
            None => problem.expecting(listed(keys)),
            meant => problem.meaning(meant),
        };
    }

    /// Returns the elements of a list; none if it is absent or of another kind.
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

    /// Returns the readable elements of a list.
    pub(super) fn each<T>(
        &mut self,
        node: Option<&Node>,
        what: &str,
        read: fn(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        self.list(node, what).iter().filter_map(|element| read(self, element)).collect()
    }

    /// Returns the entries of a mapping with free keys. A repeated key is reported.
    pub(super) fn named<'n>(&mut self, node: Option<&'n Node>, what: &str) -> &'n [(Located<String>, Node)] {
        let Some(node) = node else { return &[] };
        let Kind::Map(map) = &node.value else {
            self.other_kind(node, what);
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

    pub(super) fn text(&mut self, node: Option<&Node>, what: &str) -> Option<Located<String>> {
        let node = node?;
        match &node.value {
            Kind::Text(text) => return Some(Located::new(text.clone(), node.position)),
            Kind::Number(..) | Kind::Bool(_) => self.other_kind(node, &format!("{what}, in quotes")),
            _ => self.other_kind(node, what),
        }
        None
    }

    /// Returns a text that is not empty.
    pub(super) fn word(&mut self, node: Option<&Node>, what: &str) -> Option<Located<String>> {
        let word = self.text(node, what)?;
        if word.value.trim().is_empty() {
            self.problems.error(word.position, "the value is empty").expecting(what);
            return None;
        }
        Some(word)
    }

    /// Returns the word of a mandatory key. `owner` and `what` are for messages.
    pub(super) fn required(
        &mut self,
        fields: &Fields<'_>,
        owner: &str,
        key: &str,
        what: &str,
    ) -> Option<Located<String>> {
        if fields.get(key).is_none() {
            self.problems.error(fields.position, format!("{owner} has no `{key}`"));
        }
        self.word(fields.get(key), what)
    }

    /// Returns a text, a number or a boolean, as written.
    pub(super) fn scalar(&mut self, node: Option<&Node>, what: &str) -> Option<Located<String>> {
        let node = node?;
        let text = match &node.value {
            Kind::Number(number, bytes) => {
                let written = bytes.clone().and_then(|bytes| self.text.get(bytes));
                written.map_or_else(|| number.to_string(), |written| written.trim().to_owned())
            }
            Kind::Bool(value) => value.to_string(),
            _ => return self.text(Some(node), what),
        };
        Some(Located::new(text, node.position))
    }

    pub(super) fn flag(&mut self, node: Option<&Node>) -> Option<bool> {
        let node = node?;
        if let Kind::Bool(value) = node.value {
            return Some(value);
        }
        self.other_kind(node, "true or false");
        None
    }

    pub(super) fn count(&mut self, node: Option<&Node>) -> Option<u32> {
        let node = node?;
        if let Kind::Number(number, _) = &node.value
            && let Some(count) = number.as_u64().and_then(|number| u32::try_from(number).ok())
        {
            return Some(count);
        }
        self.other_kind(node, "a non-negative integer");
        None
    }

    /// Returns a duration that is not zero.
    pub(super) fn span(&mut self, node: Option<&Node>) -> Option<Duration> {
        let word = self.scalar(node, "a time: a number of seconds, or with units, as in 500ms, 5m, 1h30m")?;
        match autoproc_time_text::parse_positive(&word.value) {
            Ok(span) => Some(span),
            Err(invalid) => {
                self.problems.error(word.position, format!("`{}` is not a time: {invalid}", word.value));
                None
            }
        }
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
