//! Parses one expression.

use std::sync::LazyLock;

use minijinja::{Environment, Error, Expression, UndefinedBehavior};

use super::error::ExpressionError;
use super::{filters, ordering};

/// The maximum length of an expression. Expressions written by hand have tens of characters.
pub(crate) const MAX_EXPRESSION_CHARACTERS: usize = 1_000;

/// The maximum number of operations of one evaluation. Even an expression of maximum length takes
/// only a few thousand, because there are no loops.
const FUEL: u64 = 100_000;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    filters::add_to(&mut environment);
    ordering::add_to(&mut environment);
    environment
});

pub(super) fn compile(expression: &str) -> Result<Expression<'static, 'static>, ExpressionError> {
    let syntax = |detail: String| ExpressionError::Syntax { expression: shortened(expression), detail };
    if expression.trim().is_empty() {
        return Err(syntax("the expression is empty".to_owned()));
    }
    if expression.chars().count() > MAX_EXPRESSION_CHARACTERS {
        return Err(syntax(format!("the expression is longer than {MAX_EXPRESSION_CHARACTERS} characters")));
    }
    if expression.contains("${") {
        return Err(syntax("a condition is already an expression; remove `${` and `}`".to_owned()));
    }
    let parse = |text: String| ENVIRONMENT.compile_expression_owned(text);
    let plain = parse(expression.to_owned()).map_err(|error| syntax(detail_of(&error)))?;
    // `guarded` adds brackets, which may exceed minijinja's nesting limit. In that case, the
    // original expression is used.
    Ok(ordering::guarded(expression).and_then(|guarded| parse(guarded).ok()).unwrap_or(plain))
}

/// Returns minijinja's message without the line number, because an expression has one line.
pub(super) fn detail_of(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// Returns the beginning of an expression, for messages.
pub(super) fn shortened(expression: &str) -> String {
    const SHOWN: usize = 80;
    match expression.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &expression[..end]),
        None => expression.to_owned(),
    }
}
