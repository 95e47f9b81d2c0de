//! Finds the names in an expression, without evaluation.

use serde_json::Value;

use super::compile::compile;
use super::error::ExpressionError;
use super::operators::Missing;
use super::pieces::{Piece, pieces};
use super::template::is_single_expression;
use crate::read::is_name;

/// A dotted name, such as `phase_1.entities`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(pub(crate) String);

impl Name {
    pub(crate) fn root(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    pub(crate) fn rest(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').skip(1)
    }
}

/// Returns the names in a condition, sorted.
///
/// # Errors
/// [`ExpressionError`] if the condition is not an expression.
pub(crate) fn names_in_condition(condition: &str) -> Result<Vec<Name>, ExpressionError> {
    let mut names: Vec<_> =
        compile(condition, Missing::IsError)?.undeclared_variables(true).into_iter().map(Name).collect();
    names.retain(|name| name.root() != "null");
    names.sort();
    Ok(names)
}

/// Returns the names in a text, sorted within each `${…}`.
///
/// # Errors
/// [`ExpressionError`] for the first `${…}` that is not an expression.
pub(crate) fn names_in_text(text: &str) -> Result<Vec<Name>, ExpressionError> {
    let mut names = Vec::new();
    for piece in pieces(text)? {
        if let Piece::Expression(expression) = piece {
            names.append(&mut names_in_condition(expression)?);
        }
    }
    Ok(names)
}

/// Returns each `NAME` of a `${NAME}`. A text cannot be rendered without these names.
pub(crate) fn required_in_text(text: &str) -> Vec<Name> {
    let name = |piece: &Piece<'_>| match piece {
        Piece::Expression(expression) => only_name(expression.trim()),
        Piece::Literal(_) => None,
    };
    pieces(text).unwrap_or_default().iter().filter_map(name).collect()
}

/// Like [`required_in_text`], for any value. If `is_null_allowed` is true, a text of one `${NAME}`
/// requires nothing.
pub(crate) fn required_in_value(value: &Value, is_null_allowed: bool) -> Vec<Name> {
    let (mut names, mut open) = (Vec::new(), vec![value]);
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if is_null_allowed && is_single_expression(text) => {}
            Value::String(text) => names.append(&mut required_in_text(text)),
            Value::Array(list) => open.extend(list),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    names
}

fn only_name(expression: &str) -> Option<Name> {
    expression.split('.').all(is_name).then(|| Name(expression.to_owned()))
}

pub(crate) fn names_in_value(value: &Value) -> Result<Vec<Name>, ExpressionError> {
    let mut names = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => names.append(&mut names_in_text(text)?),
            Value::Array(list) => open.extend(list),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    Ok(names)
}
