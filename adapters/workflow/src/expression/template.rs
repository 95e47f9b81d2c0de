//! Renders texts with `${…}`.

use minijinja::value::Value as Evaluated;
use serde_json::Value;

use super::error::ExpressionError;
use super::evaluate::evaluate;
use super::pieces::{Piece, pieces};
use super::scope::Scope;

/// The maximum length in bytes of an argument or environment variable, with the final NUL.
/// `MAX_ARG_STRLEN` of Linux: 32 pages of 4,096 bytes, execve(2).
pub(crate) const MAX_TEXT_BYTES: usize = 131_072;

const MAX_VALUE_BYTES: usize = 1 << 20;

/// Returns the value of a text. A text of exactly one `${…}` may have a value of any type.
///
/// # Errors
/// [`ExpressionError`] if an expression is invalid or has no value, or if the result is too long.
pub(crate) fn render(text: &str, scope: &Scope) -> Result<Value, ExpressionError> {
    match pieces(text)?.as_slice() {
        [Piece::Expression(expression)] => json(expression, &evaluate(expression, scope)?),
        pieces => concatenated(pieces, scope, MAX_VALUE_BYTES).map(Value::String),
    }
}

/// Renders every text in a value, except the keys of mappings.
///
/// # Errors
/// The errors of [`render`]; [`ExpressionError::TooLong`] if all texts together exceed
/// [`MAX_VALUE_BYTES`].
pub(crate) fn render_value(value: &Value, scope: &Scope) -> Result<Value, ExpressionError> {
    render_within(value, &mut |text| render(text, scope), &mut { MAX_VALUE_BYTES })
}

/// Like [`render_value`], but a text that is a single `${…}` becomes null if the name in it has no
/// value.
///
/// # Errors
/// Those of [`render_value`], except for that missing value.
pub(crate) fn render_value_or_null(value: &Value, scope: &Scope) -> Result<Value, ExpressionError> {
    let or_null = |text: &str| match render(text, scope) {
        Err(ExpressionError::UnknownName { .. }) if is_single_expression(text) => Ok(Value::Null),
        rendered => rendered,
    };
    render_within(value, &mut { or_null }, &mut { MAX_VALUE_BYTES })
}

pub(super) fn is_single_expression(text: &str) -> bool {
    matches!(pieces(text).as_deref(), Ok([Piece::Expression(_)]))
}

/// Renders an argument, a variable or a working directory of a process.
///
/// # Errors
/// [`ExpressionError`] if an expression is invalid or has no value, or if the result is too long or
/// contains a NUL.
pub(crate) fn render_text(text: &str, scope: &Scope) -> Result<String, ExpressionError> {
    let rendered = concatenated(&pieces(text)?, scope, MAX_TEXT_BYTES - 1)?;
    if rendered.contains('\0') {
        return Err(ExpressionError::Nul { expression: text.to_owned() });
    }
    Ok(rendered)
}

/// Returns `NAME` of the first `{NAME}` outside `${…}`.
pub(crate) fn placeholder(text: &str) -> Option<&str> {
    let in_literal = |literal: &&'_ str| -> bool { name_in_braces(literal).is_some() };
    let literals = pieces(text).ok()?.into_iter().filter_map(|piece| match piece {
        Piece::Literal(literal) => Some(literal),
        Piece::Expression(_) => None,
    });
    literals.into_iter().find(in_literal).and_then(name_in_braces)
}

fn name_in_braces(literal: &str) -> Option<&str> {
    let is_name = |inside: &&str| !inside.is_empty() && inside.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
    literal.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(inside, _)| inside).find(is_name)
}

pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Evaluates an expression to a text. Null is an error.
pub(super) fn expression_text(expression: &str, scope: &Scope) -> Result<String, ExpressionError> {
    let value = json(expression, &evaluate(expression, scope)?)?;
    text_of(&value).ok_or_else(|| ExpressionError::NoValue { expression: expression.trim().to_owned() })
}

type RenderText<'r> = dyn FnMut(&str) -> Result<Value, ExpressionError> + 'r;

fn concatenated(pieces: &[Piece<'_>], scope: &Scope, limit: usize) -> Result<String, ExpressionError> {
    let mut rendered = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => rendered.push_str(text),
            Piece::Expression(expression) => rendered.push_str(&expression_text(expression, scope)?),
        }
        if rendered.len() > limit {
            return Err(ExpressionError::TooLong { limit });
        }
    }
    Ok(rendered)
}

fn render_within(value: &Value, render: &mut RenderText<'_>, room: &mut usize) -> Result<Value, ExpressionError> {
    match value {
        Value::String(text) => {
            let rendered = render(text)?;
            take(room, &rendered)?;
            Ok(rendered)
        }
        Value::Array(list) => list.iter().map(|part| render_within(part, render, room)).collect(),
        Value::Object(map) => {
            let entry = |(key, part): (&String, &Value)| Ok((key.clone(), render_within(part, render, room)?));
            map.iter().map(entry).collect::<Result<_, _>>().map(Value::Object)
        }
        plain => Ok(plain.clone()),
    }
}

fn take(room: &mut usize, rendered: &Value) -> Result<(), ExpressionError> {
    let size = if let Value::String(text) = rendered { text.len() } else { rendered.to_string().len() };
    *room = room.checked_sub(size).ok_or(ExpressionError::TooLong { limit: MAX_VALUE_BYTES })?;
    Ok(())
}

fn json(expression: &str, value: &Evaluated) -> Result<Value, ExpressionError> {
    serde_json::to_value(value).map_err(|error| ExpressionError::Failed {
        expression: expression.to_owned(),
        detail: format!("its value has no JSON form: {error}"),
    })
}
