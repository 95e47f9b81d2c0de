//! Parses YAML into a tree of nodes with positions.
//!
//! The tree keeps repeated keys, so that one check reports all problems of a file.

mod deserialize;

use std::ops::Range;

use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, Options};
use serde_saphyr::{Error, Location};

use crate::definition::{Located, Position};
use crate::problem::Problem;

const MAX_DEPTH: usize = 64;

/// The maximum number of parser events added by aliases.
const MAX_REPLAYED_EVENTS: usize = 100_000;

/// The maximum number of parser events. 10,000 steps of five keys each need about 125,000.
const MAX_EVENTS: usize = 500_000;

pub(crate) type Node = Located<Kind>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// A number, and its byte range in the text. The range preserves a spelling such as `1.10`.
    Number(serde_json::Number, Option<Range<usize>>),
    Text(String),
    List(Vec<Node>),
    /// The entries in file order, including repeated keys.
    Map(Vec<(Located<String>, Node)>),
}

impl Kind {
    /// Returns the kind as a noun for messages, for instance `a mapping`.
    pub(crate) const fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(..) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// Returns the value without positions. The last value of a repeated key wins.
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

/// Parses a YAML text.
///
/// # Errors
/// Returns the first syntax error, unsupported value or exceeded limit.
pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| problem(&error))
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
    Problem::error(position, format!("invalid YAML: {}", message(error)))
}

fn message(error: &Error) -> String {
    match error {
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an alias is within the value that it refers to".to_owned()
        }
        Error::MultipleDocuments { .. } => "a second document begins here".to_owned(),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => format!("nested deeper than {MAX_DEPTH} levels"),
        Error::Budget { breach: BudgetBreach::Events { .. } | BudgetBreach::Nodes { .. }, .. } => {
            format!("the file has more than {MAX_EVENTS} keys and values")
        }
        Error::AliasReplayLimitExceeded { .. } => {
            format!("the aliases expand to more than {MAX_REPLAYED_EVENTS} keys and values")
        }
        Error::AliasError { error, .. } => message(error),
        other => {
            let text = other.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.rsplit_once(" at line ").map_or(line, |(message, _)| message).to_owned()
        }
    }
}

fn position(location: &Location) -> Position {
    let of = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    Position { line: of(location.line()), column: of(location.column()) }
}
