//! Strings for the shell: each expression in them becomes a reference to a variable, quoted for its place.

use autoproc_shell_quoting::Quoting;

use super::error::ExpressionError;
use super::scope::Scope;
use super::template::{MAX_TEXT_BYTES, Piece, pieces, words};

/// The variables that hold the values, numbered from 1.
const VARIABLE: &str = "AUTOPROC_VALUE_";

/// A string for `sh -c`, and the variables it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellText {
    /// The string.
    pub text: String,
    /// The variables to set, names and values.
    pub environment: Vec<(String, String)>,
}

/// A string for the shell, each `${…}` in it a reference to a variable that holds its value in words.
///
/// # Errors
/// [`ExpressionError`] where a value is none, holds a NUL, or is longer than [`MAX_TEXT_BYTES`] less its name.
pub fn render_shell(text: &str, scope: &Scope) -> Result<ShellText, ExpressionError> {
    let (mut rendered, mut environment, mut quoting) = (String::new(), Vec::new(), Quoting::default());
    for piece in pieces(text)? {
        match piece {
            Piece::Literal(literal) => {
                quoting.pass(literal.as_bytes());
                rendered.push_str(literal);
            }
            Piece::Expression(expression) => {
                let name = format!("{VARIABLE}{}", environment.len() + 1);
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

fn value(expression: &str, scope: &Scope) -> Result<String, ExpressionError> {
    /// The name of a variable with any number, `=` and NUL.
    const OTHERS: usize = VARIABLE.len() + 20 + 2;
    let value = words(expression, scope)?;
    if value.contains('\0') {
        return Err(ExpressionError::Nul { expression: expression.to_owned() });
    }
    if value.len() > MAX_TEXT_BYTES - OTHERS {
        return Err(ExpressionError::TooLong { limit: MAX_TEXT_BYTES - OTHERS });
    }
    Ok(value)
}
