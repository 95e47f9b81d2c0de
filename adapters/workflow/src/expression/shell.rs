//! Renders shell commands, with values in environment variables.

use autoproc_shell_quoting::Quoting;

use super::error::ExpressionError;
use super::pieces::{Piece, pieces};
use super::scope::Scope;
use super::template::{MAX_TEXT_BYTES, expression_text};

const PREFIX: &str = "AUTOPROC_VALUE_";

/// A command for `sh -c`, and the variables it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShellText {
    pub text: String,
    pub environment: Vec<(String, String)>,
}

/// Replaces each `${…}` with a reference to a variable.
///
/// # Errors
/// [`ExpressionError`] if an expression is invalid or has no value, or if a text is too long or
/// contains a NUL.
pub(crate) fn render_shell(text: &str, scope: &Scope) -> Result<ShellText, ExpressionError> {
    let (mut rendered, mut environment, mut quoting) = (String::new(), Vec::new(), Quoting::default());
    for piece in pieces(text)? {
        match piece {
            Piece::Literal(literal) => {
                quoting.pass(literal.as_bytes());
                rendered.push_str(literal);
            }
            Piece::Expression(expression) => {
                let name = format!("{PREFIX}{}", environment.len() + 1);
                rendered.push_str(&quoting.reference(&name));
                environment.push((name, value(expression, scope)?));
            }
        }
    }
    if rendered.contains('\0') {
        return Err(ExpressionError::Nul { expression: text.to_owned() });
    }
    if rendered.len() >= MAX_TEXT_BYTES {
        return Err(ExpressionError::TooLong { limit: MAX_TEXT_BYTES - 1 });
    }
    Ok(ShellText { text: rendered, environment })
}

/// A place in a shell command where a value may be executed as code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodePlace {
    /// An argument of the named command, or the inside of the named expansion.
    Executor(String),
    /// Within single quotes, with other text. The text may be a script.
    SingleQuotes,
    /// Within the arithmetic expansion `$((…))`.
    Arithmetic,
}

/// Returns the expressions in a [`CodePlace`], each with its place. An expression alone in its
/// single quotes is not in [`CodePlace::SingleQuotes`], because its value becomes a plain word.
///
/// # Errors
/// [`ExpressionError`] if the text cannot be split into expressions.
pub(crate) fn code_places(text: &str) -> Result<Vec<(&str, CodePlace)>, ExpressionError> {
    let (mut places, mut quoting, pieces) = (Vec::new(), Quoting::default(), pieces(text)?);
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(literal) => quoting.pass(literal.as_bytes()),
            Piece::Expression(expression) => {
                if quoting.is_arithmetic() {
                    places.push((*expression, CodePlace::Arithmetic));
                } else if quoting.is_single_quoted() && !is_alone(&pieces, index) {
                    places.push((*expression, CodePlace::SingleQuotes));
                } else if let Some(executor) = quoting.executor(rest(&pieces, index)) {
                    places.push((*expression, CodePlace::Executor(executor)));
                }
                let _ = quoting.reference(PREFIX);
            }
        }
    }
    Ok(places)
}

/// Returns the first expression, unless it is the whole text.
pub(crate) fn embedded(text: &str) -> Option<&str> {
    let pieces = pieces(text).ok().filter(|pieces| pieces.len() > 1)?;
    pieces.into_iter().find_map(|piece| if let Piece::Expression(expression) = piece { Some(expression) } else { None })
}

fn rest<'a>(pieces: &[Piece<'a>], index: usize) -> &'a [u8] {
    match pieces.get(index + 1) {
        Some(Piece::Literal(text)) => text.as_bytes(),
        _ => b"",
    }
}

fn is_alone(pieces: &[Piece<'_>], index: usize) -> bool {
    let opens = |piece: &Piece<'_>| matches!(piece, Piece::Literal(text) if text.ends_with('\''));
    let closes = |piece: &Piece<'_>| matches!(piece, Piece::Literal(text) if text.starts_with('\''));
    pieces[..index].last().is_some_and(opens) && pieces.get(index + 1).is_some_and(closes)
}

fn value(expression: &str, scope: &Scope) -> Result<String, ExpressionError> {
    /// The prefix, a number of up to 20 digits, `=` and NUL.
    const OVERHEAD: usize = PREFIX.len() + 20 + 2;
    let value = expression_text(expression, scope)?;
    if value.contains('\0') {
        return Err(ExpressionError::Nul { expression: expression.to_owned() });
    }
    if value.len() > MAX_TEXT_BYTES - OVERHEAD {
        return Err(ExpressionError::TooLong { limit: MAX_TEXT_BYTES - OVERHEAD });
    }
    Ok(value)
}
