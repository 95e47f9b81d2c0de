//! Implements operators of expressions as filters and tests.

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::filters::to_json;

/// The prefix `__` avoids a clash with names in workflow files.
pub(super) const COMPARE: &str = "__compare";

pub(super) const EXISTS: &str = "__exists";

pub(super) const TEXT: &str = "__text";

/// What happens to a name without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    IsError,
    IsNull,
}

impl Missing {
    fn value(self, value: &Value) -> Result<Value, Error> {
        match self {
            _ if !value.is_undefined() => Ok(value.clone()),
            Self::IsNull => Ok(Value::from(())),
            Self::IsError => Err(Error::from(ErrorKind::UndefinedError)),
        }
    }
}

pub(super) fn add_to(environment: &mut Environment<'static>, missing: Missing) {
    environment.add_filter(COMPARE, move |first: &Value, rest: Rest<Value>| compare(first, rest, missing));
    environment.add_filter(TEXT, move |value: &Value| missing.value(value).and_then(|value| text(&value)));
    environment.add_test(EXISTS, move |value: &Value| missing.value(value).map(|value| !value.is_none()));
    let is_null = move |value: &Value| value.is_none() || (missing == Missing::IsNull && value.is_undefined());
    environment.add_test("null", is_null);
    environment.add_test("none", is_null);
}

/// `rest` alternates operators and operands.
fn compare(first: &Value, rest: Rest<Value>, missing: Missing) -> Result<bool, Error> {
    let (mut left, mut rest) = (missing.value(first)?, rest.0.into_iter());
    while let (Some(operator), Some(right)) = (rest.next(), rest.next()) {
        let right = missing.value(&right)?;
        if !holds(&left, operator.as_str().unwrap_or_default(), &right)? {
            return Ok(false);
        }
        left = right;
    }
    Ok(true)
}

fn holds(left: &Value, operator: &str, right: &Value) -> Result<bool, Error> {
    match operator {
        "==" => Ok(left == right),
        "!=" => Ok(left != right),
        "contains" => contains(left, right),
        "not contains" => contains(left, right).map(|contains| !contains),
        _ => in_order(left, operator, right),
    }
}

fn in_order(left: &Value, operator: &str, right: &Value) -> Result<bool, Error> {
    if left.kind() != right.kind() || left.is_none() {
        let message = format!("{} and {} have no order", noun(left), noun(right));
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    Ok(match operator {
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    })
}

fn contains(whole: &Value, part: &Value) -> Result<bool, Error> {
    Ok(match (whole.as_str(), whole.kind()) {
        (Some(text_of_whole), _) => !part.is_none() && text_of_whole.contains(&text(part)?),
        (None, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) => {
            whole.try_iter()?.any(|element| element == *part)
        }
        _ => false,
    })
}

fn text(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None if value.is_none() => Ok(String::new()),
        None => to_json(value),
    }
}

fn noun(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::None => "null",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        _ => "a map",
    }
}
