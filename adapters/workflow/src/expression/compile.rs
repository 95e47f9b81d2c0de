//! Parses one expression.

use std::sync::LazyLock;

use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior};

use super::braces::without_braces;
use super::error::ExpressionError;
use super::operators::Missing;
use super::rewriting::rewritten;
use super::tokens::{Token, Tokens};
use super::{filters, operators};

/// The maximum length of an expression. Expressions written by hand have tens of characters.
pub(crate) const MAX_EXPRESSION_CHARACTERS: usize = 1_000;

/// The maximum number of operations of one evaluation. The longest expression takes a few thousand.
const FUEL: u64 = 100_000;

static STRICT: LazyLock<Environment<'static>> =
    LazyLock::new(|| environment(UndefinedBehavior::Strict, Missing::IsError));

static LENIENT: LazyLock<Environment<'static>> =
    LazyLock::new(|| environment(UndefinedBehavior::Chainable, Missing::IsNull));

fn environment(behavior: UndefinedBehavior, missing: Missing) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(behavior);
    environment.set_fuel(Some(FUEL));
    filters::add_to(&mut environment);
    operators::add_to(&mut environment, missing);
    environment
}

pub(super) fn compile(expression: &str, missing: Missing) -> Result<Expression<'static, 'static>, ExpressionError> {
    let syntax = |detail: String| ExpressionError::Syntax { expression: shortened(expression), detail };
    if expression.trim().is_empty() {
        return Err(syntax("the expression is empty".to_owned()));
    }
    if expression.chars().count() > MAX_EXPRESSION_CHARACTERS {
        return Err(syntax(format!("the expression is longer than {MAX_EXPRESSION_CHARACTERS} characters")));
    }
    let environment = if missing == Missing::IsNull { &LENIENT } else { &STRICT };
    let parse = |text: String| environment.compile_expression_owned(text);
    let expression = without_braces(expression)?;
    let rewritten = rewritten(&expression).map_err(|detail| syntax(detail.to_owned()))?;
    if let Some(detail) = unknown_function(&rewritten, environment) {
        return Err(ExpressionError::Failed { expression: shortened(&expression), detail });
    }
    // If the rewritten expression is invalid, the expression is parsed as written. The rewriting
    // adds brackets, which may exceed minijinja's nesting limit. It may also take a name such as
    // `OR` for an operator.
    let parsed = parse(rewritten).or_else(|_| parse(expression.into_owned()));
    parsed.map_err(|error| syntax(detail_of(&error)))
}

/// Describes the first unknown filter or test. minijinja looks them up only when it evaluates the
/// expression.
fn unknown_function(rewritten: &str, environment: &Environment<'_>) -> Option<String> {
    let (mut state, mut tokens) = (environment.empty_state(), Tokens::new(rewritten));
    while let Some(token) = tokens.next() {
        // Each call lacks the value, so a known filter or test fails for another reason.
        let (noun, name, called) = match token {
            Token::Other("|") => {
                let Some(name) = name(&tokens) else { continue };
                ("filter", name, state.apply_filter(name, &[]).map(drop))
            }
            Token::Test("is") => {
                if let Some(Token::Test("not")) = tokens.peek() {
                    tokens.skip_next();
                }
                let Some(name) = name(&tokens) else { continue };
                ("test", name, state.perform_test(name, &[]).map(drop))
            }
            _ => continue,
        };
        let kind = called.err().map(|error| error.kind());
        if matches!(kind, Some(ErrorKind::UnknownFilter | ErrorKind::UnknownTest)) {
            return Some(format!("{noun} {name} is unknown"));
        }
    }
    None
}

/// Returns the next token if it is a name.
fn name<'e>(tokens: &Tokens<'e>) -> Option<&'e str> {
    match tokens.peek()? {
        Token::Other(text) => text.starts_with(|first: char| first.is_alphabetic() || first == '_').then_some(text),
        _ => None,
    }
}

/// Returns minijinja's message without the line number, because an expression has one line.
pub(super) fn detail_of(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

pub(super) fn shortened(expression: &str) -> String {
    const SHOWN: usize = 80;
    match expression.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &expression[..end]),
        None => expression.to_owned(),
    }
}
