//! Splits a condition into operands and operators.

use super::braces::without_braces;
use super::tokens::{Token, Tokens};

/// A part of a condition. Brackets are omitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Operand(String),
    /// A comparison operator, `contains` or `in`.
    Operator(String),
    Other,
}

/// Returns the parts of a condition; none if a `${…}` is invalid.
pub(crate) fn parts_of_condition(condition: &str) -> Vec<Part> {
    let Ok(condition) = without_braces(condition) else { return Vec::new() };
    let (mut parts, mut operand) = (Vec::new(), String::new());
    for token in Tokens::new(&condition) {
        let part = match token {
            Token::Other(text) => {
                operand.push_str(text);
                continue;
            }
            Token::Open(_) | Token::Close(_) => continue,
            Token::Comparison(operator) => Part::Operator(operator.to_owned()),
            Token::Test("in") => Part::Operator("in".to_owned()),
            Token::Connective(..) | Token::Loose(_) | Token::Test(_) | Token::Exists => Part::Other,
        };
        end(&mut operand, &mut parts);
        parts.push(part);
    }
    end(&mut operand, &mut parts);
    parts
}

fn end(operand: &mut String, parts: &mut Vec<Part>) {
    let text = std::mem::take(operand);
    if !text.trim().is_empty() {
        parts.push(Part::Operand(text.trim().to_owned()));
    }
}
