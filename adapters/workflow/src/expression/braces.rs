//! Replaces `${…}` within an expression.

use std::borrow::Cow;

use super::error::ExpressionError;
use super::operators::TEXT;
use super::pieces::{Piece, end_of_expression, pieces, unclosed};
use super::tokens::quoted;

/// Replaces each `${…}` by the expression inside, in brackets. A quoted text with `${…}` becomes a
/// concatenation.
///
/// # Errors
/// [`ExpressionError`] if a `${` has no `}`, or a `${…}` is empty.
pub(super) fn without_braces(expression: &str) -> Result<Cow<'_, str>, ExpressionError> {
    if !expression.contains("${") {
        return Ok(Cow::Borrowed(expression));
    }
    let (mut replaced, mut rest) = (String::new(), expression);
    while let Some(at) = rest.find(['\'', '"', '$']) {
        replaced.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if let Some(inside) = rest.strip_prefix("${") {
            let end = end_of_expression(inside).ok_or_else(|| unclosed(rest))?;
            replaced.push_str(&in_brackets(&inside[..end])?);
            end + 3
        } else if rest.starts_with('$') {
            replaced.push('$');
            1
        } else {
            let quote = if rest.starts_with('"') { '"' } else { '\'' };
            let length = quoted(rest, quote);
            replaced.push_str(&with_values(&rest[..length], quote)?);
            length
        };
        rest = &rest[length..];
    }
    replaced.push_str(rest);
    Ok(Cow::Owned(replaced))
}

fn in_brackets(expression: &str) -> Result<String, ExpressionError> {
    if expression.trim().is_empty() {
        let (expression, detail) = ("${}".to_owned(), "the expression is empty".to_owned());
        return Err(ExpressionError::Syntax { expression, detail });
    }
    Ok(format!("({})", without_braces(expression)?))
}

fn with_values(text: &str, quote: char) -> Result<String, ExpressionError> {
    let inside = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    let Some(inside) = inside.filter(|inside| inside.contains("${")) else { return Ok(text.to_owned()) };
    let operand = |piece: &Piece<'_>| match piece {
        Piece::Literal(literal) => Ok(format!("{quote}{literal}{quote}")),
        Piece::Expression(expression) => Ok(format!("({} | {TEXT})", in_brackets(expression)?)),
    };
    let operands = pieces(inside)?.iter().map(operand).collect::<Result<Vec<_>, ExpressionError>>()?;
    Ok(format!("({})", operands.join(" ~ ")))
}
