//! Evaluates one expression.

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};

use super::compile::{compile, detail_of, shortened};
use super::error::ExpressionError;
use super::names::names_in_condition;
use super::operators::Missing;
use super::scope::Scope;
use crate::nearest::nearest_first;

/// True if the value is not false, null, zero or empty. An unknown name is null.
///
/// # Errors
/// [`ExpressionError`] if the condition cannot be evaluated.
pub(crate) fn holds(condition: &str, scope: &Scope) -> Result<bool, ExpressionError> {
    holds_in(condition, scope.context_of_condition())
}

/// Like [`holds`], but an unknown name is an error.
///
/// # Errors
/// [`ExpressionError`] if the condition uses an unknown name or cannot be evaluated.
pub(crate) fn holds_so_far(condition: &str, scope: &Scope) -> Result<bool, ExpressionError> {
    evaluate(condition, scope).map(|value| value.is_true())
}

/// Like [`holds`], for a transition or checkpoint after `phase`. The values of `phase` take
/// precedence over other names.
///
/// # Errors
/// [`ExpressionError`] if the condition cannot be evaluated.
pub(crate) fn transition_holds(
    condition: &str,
    phase: &str,
    checkpoint_passed: bool,
    scope: &Scope,
) -> Result<bool, ExpressionError> {
    holds_in(condition, scope.context_after(phase, checkpoint_passed))
}

fn holds_in(condition: &str, context: Value) -> Result<bool, ExpressionError> {
    let value = compile(condition, Missing::IsNull)?.eval(context).map_err(|error| failed(condition, &error))?;
    Ok(value.is_true())
}

/// Returns the value of an expression. An undefined value is an error.
pub(super) fn evaluate(expression: &str, scope: &Scope) -> Result<Value, ExpressionError> {
    match compile(expression, Missing::IsError)?.eval(scope.context()) {
        Ok(value) if !value.is_undefined() => Ok(value),
        Ok(_) => Err(unknown(expression, scope).unwrap_or_else(|| {
            // All names of the expression are known; a part of a computed value is missing.
            ExpressionError::UnknownName { name: shortened(expression), known: Vec::new() }
        })),
        Err(error) if error.kind() == ErrorKind::UndefinedError => {
            Err(unknown(expression, scope).unwrap_or_else(|| failed(expression, &error)))
        }
        Err(error) => Err(failed(expression, &error)),
    }
}

fn unknown(expression: &str, scope: &Scope) -> Option<ExpressionError> {
    let names = names_in_condition(expression).ok()?;
    let (name, known) = names.iter().find_map(|path| scope.first_unknown(path))?;
    let known = nearest_first(&name, known.iter().map(String::as_str));
    Some(ExpressionError::UnknownName { name, known })
}

fn failed(expression: &str, error: &Error) -> ExpressionError {
    ExpressionError::Failed { expression: shortened(expression), detail: detail_of(error) }
}
