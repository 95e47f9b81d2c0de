//! The names an expression uses, found without evaluating it.

use super::compile::compile;
use super::error::ExpressionError;
use super::pieces::{Piece, pieces};

/// A name that an expression uses.
pub type NameUsed = Path;

/// A name and the names below it: `phase_1.entities`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<String>);

impl Path {
    fn new(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }

    /// The first name.
    #[must_use]
    pub fn root(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The names after the first.
    pub fn rest(&self) -> impl Iterator<Item = &str> {
        self.0.iter().skip(1).map(String::as_str)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// The names that a condition uses, sorted.
///
/// # Errors
/// [`ExpressionError`] where it is no expression.
pub fn names_in_condition(condition: &str) -> Result<Vec<NameUsed>, ExpressionError> {
    let expression = compile(condition)?;
    let mut names: Vec<_> = expression.undeclared_variables(true).iter().map(|name| Path::new(name)).collect();
    names.retain(|name| name.root() != "null");
    names.sort();
    Ok(names)
}

/// The names that a text uses in its `${…}`, sorted within each.
///
/// # Errors
/// [`ExpressionError`] for the first that is no expression.
pub fn names_in_text(text: &str) -> Result<Vec<NameUsed>, ExpressionError> {
    let mut names = Vec::new();
    for piece in pieces(text)? {
        if let Piece::Expression(expression) = piece {
            names.append(&mut names_in_condition(expression)?);
        }
    }
    Ok(names)
}

/// The names that the texts of a value use, at any depth.
///
/// # Errors
/// [`ExpressionError`] for the first text that cannot be read.
pub fn names_in_value(value: &serde_json::Value) -> Result<Vec<NameUsed>, ExpressionError> {
    let mut names = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::String(text) => names.append(&mut names_in_text(text)?),
            serde_json::Value::Array(list) => open.extend(list),
            serde_json::Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    Ok(names)
}
