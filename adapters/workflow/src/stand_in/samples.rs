//! Creates example values from types and from comparisons.

use serde_json::{Value, json};

use super::comparisons::Comparison;
use crate::definition::{Input, InputType};
use crate::expression::text_of;

/// Returns an example value of a type. Conditions treat the value as true.
pub(super) fn of_type(kind: &str, name: &str) -> Option<Value> {
    Some(match InputType::of(kind) {
        InputType::String | InputType::File | InputType::Directory => Value::from(name),
        InputType::Array => json!([name]),
        InputType::Number | InputType::Integer => Value::from(1),
        InputType::Boolean => Value::from(true),
        InputType::Object | InputType::Json => json!({ name: true }),
        InputType::Enum | InputType::Other(_) => return None,
    })
}

pub(super) fn of_input(input: &Input) -> Value {
    let first = input.values.first().cloned();
    first.or_else(|| of_type(input.kind.word(), &input.name)).unwrap_or_else(|| Value::from(input.name.as_str()))
}

/// Returns an example text for `--input`, such as `${file}` for the processed file.
pub(super) fn text_of_input(input: &Input) -> String {
    match (&input.kind, input.values.first()) {
        (InputType::File, None) => "${file}".to_owned(),
        (_, Some(first)) => text_of(first).unwrap_or_default(),
        (InputType::Number | InputType::Integer | InputType::Boolean | InputType::Object | InputType::Json, None) => {
            of_input(input).to_string()
        }
        _ => "TEXT".to_owned(),
    }
}

/// Returns a value that usually makes the first comparison true.
pub(super) fn of_comparisons(comparisons: &[&Comparison]) -> Option<Value> {
    let first = comparisons.first()?;
    if first.operator == "has" {
        let has = comparisons.iter().filter(|comparison| comparison.operator == "has");
        let mut list = Vec::new();
        for Comparison { literal, .. } in has {
            if !list.contains(literal) {
                list.push(literal.clone());
            }
        }
        return Some(Value::Array(list));
    }
    let literal = &first.literal;
    Some(match first.operator.as_str() {
        "!=" => other_than(literal),
        "<" => below(literal),
        ">" => above(literal),
        _ => literal.clone(),
    })
}

fn other_than(literal: &Value) -> Value {
    match literal {
        Value::String(text) => Value::from(format!("not {text}")),
        Value::Number(_) => above(literal),
        Value::Bool(is_true) => Value::from(!is_true),
        _ => Value::from(true),
    }
}

fn above(literal: &Value) -> Value {
    match (literal.as_i64(), literal.as_f64()) {
        (Some(whole), _) => Value::from(whole.saturating_add(1)),
        // A number below 1 is usually a share or a score, whose largest value is 1.
        (None, Some(decimal)) if decimal < 1.0 => Value::from(1.0),
        (None, Some(decimal)) => Value::from(decimal + 1.0),
        _ => literal.as_str().map_or_else(|| literal.clone(), |text| Value::from(format!("{text}z"))),
    }
}

fn below(literal: &Value) -> Value {
    match (literal.as_i64(), literal.as_f64()) {
        (Some(whole), _) => Value::from(whole.saturating_sub(1)),
        (None, Some(decimal)) => Value::from(decimal / 2.0),
        _ => Value::from(""),
    }
}
