//! YAML as a tree whose every node knows its place.
//!
//! # Theory of operation
//!
//! serde-saphyr reads the text within its budgets and hands every value over together with where it stands. The tree
//! keeps what serde would stop at, repeated keys among it, so that all faults of a file can be told at once. A value
//! that comes from an alias stands where the alias does.

mod deserialize;

use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, Options};
use serde_saphyr::{Error, Location};

use crate::definition::{Located, Position};
use crate::problem::Problem;
use deserialize::Spelt;

/// The deepest nesting; the deepest thing a workflow needs is the value of an input.
const MAX_DEPTH: usize = 64;

/// The most that aliases may add, in parser events: about as many as a large file has of its own.
const MAX_REPLAYED_EVENTS: usize = 100_000;

/// The most events of the parser: a workflow of 10,000 steps with five keys each has half of them.
const MAX_EVENTS: usize = 500_000;

/// A node and its place.
pub(crate) type Node = Located<Kind>;

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// A number, and how it is written: `1.10` as an argument is not `1.1`.
    Number(serde_json::Number, String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file, repeated keys included.
    Map(Vec<(Located<String>, Node)>),
}

impl Kind {
    /// What it is called.
    pub(crate) const fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Number(..) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// The same without places. Of a repeated key the last value counts.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number, _) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(list) => list.iter().map(|node| node.value.to_json()).collect(),
            Self::Map(map) => map.iter().map(|(key, node)| (key.value.clone(), node.value.to_json())).collect(),
        }
    }
}

/// Reads a text.
///
/// # Errors
/// The first [`Problem`] of its syntax, after which nothing else can be told.
pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    let document: Spelt = serde_saphyr::from_str_with_options(text, options()).map_err(|error| problem(&error))?;
    Ok(document.in_words_of(text))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_events: MAX_EVENTS, max_nodes: MAX_EVENTS },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED_EVENTS },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

fn problem(error: &Error) -> Problem {
    let error = error.without_snippet();
    let position = error.location().map_or(Position::START, |location| position(&location));
    Problem::error(position, format!("not readable as YAML: {}", words(error)))
}

/// What is wrong, in words for somebody who has the file before them.
fn words(error: &Error) -> String {
    match error {
        Error::RecursiveReferencesRequireWeakTypes { .. } => "an alias stands within what it refers to".to_owned(),
        Error::MultipleDocuments { .. } => "a second document begins here".to_owned(),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => format!("nested deeper than {MAX_DEPTH} levels"),
        Error::Budget { breach: BudgetBreach::Events { .. } | BudgetBreach::Nodes { .. }, .. } => {
            format!("more than {MAX_EVENTS} parts")
        }
        Error::AliasReplayLimitExceeded { .. } => {
            format!("its aliases stand for more than {MAX_REPLAYED_EVENTS} parts")
        }
        Error::AliasError { error, .. } => words(error),
        other => {
            let words = other.to_string();
            let line = words.lines().next().unwrap_or_default();
            line.rsplit_once(" at line ").map_or(line, |(message, _)| message).to_owned()
        }
    }
}

fn position(location: &Location) -> Position {
    let of = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    Position { line: of(location.line()), column: of(location.column()) }
}
