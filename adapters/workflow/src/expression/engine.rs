//! The evaluation of one expression.

use std::sync::LazyLock;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior};

use super::error::ExpressionError;
use super::filters;
use super::names::names_in_condition;
use super::ordering;
use super::scope::Scope;
use crate::nearest::nearest_first;

/// The longest expression, in characters: conditions of people have tens of them.
pub const MAX_EXPRESSION_CHARACTERS: usize = 1_000;

/// The most operations of one evaluation. Without loops an expression of the longest length takes a few thousand.
const FUEL: u64 = 100_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    filters::add_to(&mut environment);
    ordering::add_to(&mut environment);
    environment
});

/// Whether a condition holds: false, null, zero, and an empty text, list or map count as false.
///
/// # Errors
/// [`ExpressionError`] where it is no expression, uses an unknown name, or cannot be evaluated.
pub fn holds(condition: &str, scope: &Scope) -> Result<bool, ExpressionError> {
    evaluate(condition, scope).map(|value| value.is_true())
}

/// Whether the condition of a transition holds after `phase`. Its names are the phase's values first, then all others;
/// what nobody has returned is none; `checkpoint_passed` is what it says.
///
/// # Errors
/// [`ExpressionError`] where it is no expression, or cannot be evaluated.
pub fn transition_holds(
    condition: &str,
    phase: &str,
    checkpoint_passed: bool,
    scope: &Scope,
) -> Result<bool, ExpressionError> {
    let value = compiled(condition)?
        .eval(scope.context_after(phase, checkpoint_passed))
        .map_err(|error| failed(condition, &error))?;
    Ok(value.is_true())
}

/// The value of an expression; never undefined.
pub(super) fn evaluate(expression: &str, scope: &Scope) -> Result<Value, ExpressionError> {
    match compiled(expression)?.eval(scope.context()) {
        Ok(value) if !value.is_undefined() => Ok(value),
        Ok(_) => Err(unknown(expression, scope).unwrap_or_else(|| no_such_part(expression))),
        Err(error) if error.kind() == ErrorKind::UndefinedError => {
            Err(unknown(expression, scope).unwrap_or_else(|| failed(expression, &error)))
        }
        Err(error) => Err(failed(expression, &error)),
    }
}

pub(super) fn compiled(expression: &str) -> Result<Expression<'static, 'static>, ExpressionError> {
    let syntax = |detail: String| ExpressionError::Syntax { expression: shortened(expression), detail };
    if expression.trim().is_empty() {
        return Err(syntax("it is empty".to_owned()));
    }
    if expression.chars().count() > MAX_EXPRESSION_CHARACTERS {
        return Err(syntax(format!("it is longer than {MAX_EXPRESSION_CHARACTERS} characters")));
    }
    if expression.contains("${") {
        return Err(syntax("it is an expression as it stands; leave `${` and `}` out".to_owned()));
    }
    let compile = |text: String| ENVIRONMENT.compile_expression_owned(text);
    let plain = compile(expression.to_owned()).map_err(|error| syntax(words(&error)))?;
    // Brackets may nest too deep only with those that were added.
    Ok(ordering::guarded(expression).and_then(|guarded| compile(guarded).ok()).unwrap_or(plain))
}

/// The first name of the expression that leads nowhere.
fn unknown(expression: &str, scope: &Scope) -> Option<ExpressionError> {
    let names = names_in_condition(expression).ok()?;
    let (name, known) = names.iter().find_map(|path| scope.dead_end(path))?;
    let known = nearest_first(&name, known.iter().map(String::as_str));
    Some(ExpressionError::UnknownName { name, known })
}

fn no_such_part(expression: &str) -> ExpressionError {
    ExpressionError::UnknownName { name: shortened(expression), known: Vec::new() }
}

fn failed(expression: &str, error: &Error) -> ExpressionError {
    ExpressionError::Failed { expression: shortened(expression), detail: words(error) }
}

/// What minijinja says, without the line number of a text of one line.
fn words(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// What is shown of an expression.
fn shortened(expression: &str) -> String {
    const SHOWN: usize = 80;
    match expression.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &expression[..end]),
        None => expression.to_owned(),
    }
}
