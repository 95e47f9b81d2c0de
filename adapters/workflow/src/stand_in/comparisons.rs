//! Finds comparisons such as `score >= 0.8` in conditions.

use serde_json::Value;

use crate::expression::{Name, Part, parts_of_condition};

/// A comparison in a condition, such as `score >= 0.8`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub(super) name: Name,
    /// The operator, as if the name were on its left. `has` means that the name contains the
    /// literal.
    pub(super) operator: String,
    pub(super) literal: Value,
}

/// Returns the comparisons of a name with a literal. Ignores negations and filters.
pub(super) fn comparisons(condition: &str) -> Vec<Comparison> {
    let parts = parts_of_condition(condition);
    parts.windows(3).filter_map(|parts| comparison(&parts[0], &parts[1], &parts[2])).collect()
}

fn comparison(left: &Part, operator: &Part, right: &Part) -> Option<Comparison> {
    let (Part::Operand(left), Part::Operator(operator), Part::Operand(right)) = (left, operator, right) else {
        return None;
    };
    match (operator.as_str(), name(left), name(right)) {
        ("in", _, Some(name)) => Some(Comparison { name, operator: "has".to_owned(), literal: literal(left)? }),
        ("in", Some(name), None) => Some(Comparison { name, operator: "==".to_owned(), literal: literal(right)? }),
        ("contains", Some(name), None) => {
            Some(Comparison { name, operator: "has".to_owned(), literal: literal(right)? })
        }
        (operator, Some(name), None) => {
            Some(Comparison { name, operator: operator.to_owned(), literal: literal(right)? })
        }
        (operator, None, Some(name)) => {
            Some(Comparison { name, operator: reversed(operator)?.to_owned(), literal: literal(left)? })
        }
        _ => None,
    }
}

fn reversed(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "==" => "==",
        "!=" => "!=",
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        _ => return None,
    })
}

/// Returns the name in an operand, without its filters.
fn name(operand: &str) -> Option<Name> {
    let name = operand.split('|').next().unwrap_or_default().trim();
    let is_word = !["true", "false", "null", "none"].contains(&name);
    (is_word && name.split('.').all(crate::read::is_name)).then(|| Name(name.to_owned()))
}

fn literal(operand: &str) -> Option<Value> {
    let quoted = |quote: char| operand.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    match quoted('\'').or_else(|| quoted('"')) {
        Some(text) => Some(Value::from(text)),
        None if operand == "none" => Some(Value::Null),
        None => serde_json::from_str(operand).ok(),
    }
}
