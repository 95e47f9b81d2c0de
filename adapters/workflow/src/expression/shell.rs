//! Renders shell commands: each expression becomes a reference to a variable, quoted for its
//! context.

use autoproc_shell_quoting::Quoting;

use super::error::ExpressionError;
use super::pieces::{Piece, pieces};
use super::scope::Scope;
use super::template::{MAX_TEXT_BYTES, expression_text};

/// The prefix of the variables that hold values; a number from 1 follows it.
const PREFIX: &str = "AUTOPROC_VALUE_";

/// A command for `sh -c`, and the variables it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShellText {
    pub text: String,
    pub environment: Vec<(String, String)>,
}

/// Replaces each `${…}` with a reference to a variable that holds the expression's value as text.
///
/// # Errors
/// [`ExpressionError`] if an expression is invalid or has no value, or if the command or a value is
/// too long or contains a NUL.
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

/// A place in a shell command in which a program may execute a value as code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodePlace {
    /// An argument of a command, or the inside of an expansion, that may execute the value as code.
    /// The field names the command or the expansion.
    Executor(String),
    /// Within single quotes, together with other text. The quoted text may be a script for a
    /// program that the shell starts.
    SingleQuotes,
    /// Within the arithmetic expansion `$((…))`.
    Arithmetic,
}

/// Returns the expressions of a shell command that are in a [`CodePlace`], each with its place. An
/// expression alone in its single quotes is not in [`CodePlace::SingleQuotes`], because its value
/// becomes a plain word.
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

/// Returns the first expression of a text; `None` if the text is exactly one expression, has none
/// or cannot be split.
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
    /// The maximum length of a variable without its value: the prefix, a number of up to 20 digits,
    /// `=` and NUL.
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
