//! Parses the values that a step returns.

use std::io::{self, Read as _};
use std::path::Path;

use autoproc_regular_file::{self as regular_file, Links};
use serde_json::Value;

use super::event::Values;

/// The maximum number of bytes that a step may return. Longer values belong in a file.
pub(super) const MAX_VALUES_BYTES: usize = 1 << 20;

const MAX_NAME_BYTES: usize = 200;

/// The maximum nesting depth of a value. The journal adds a few levels, and `serde_json` reads at
/// most 128.
pub(crate) const MAX_DEPTH: usize = 64;

/// Reads the output file of a step. A missing file has no values.
///
/// # Errors
/// A message, if the file is unreadable, too long or invalid.
pub(crate) fn read_values(path: &Path) -> Result<Values, String> {
    match bounded_bytes(path) {
        Ok(Some(bytes)) => parse_values(&bytes).map_err(|error| format!("the step's return values: {error}")),
        Ok(None) => Err(format!("the step's return values are longer than {MAX_VALUES_BYTES} bytes")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Values::new()),
        Err(error) => Err(format!("the step's return values cannot be read: {error}")),
    }
}

fn bounded_bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // The step may have replaced the file by a FIFO, on which opening would block, or by a link,
    // which must not be followed.
    let file = regular_file::open_to_read(Links::Refuse, path)?;
    let mut bytes = Vec::new();
    file.take(MAX_VALUES_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_VALUES_BYTES).then_some(bytes))
}

/// Parses a JSON object, or lines of `name=value`.
pub(crate) fn parse_values(bytes: &[u8]) -> Result<Values, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 after byte {}", error.valid_up_to()))?;
    if text.trim_start().starts_with('{') { parse_object(text) } else { parse_lines(text) }
}

pub(super) fn parse_object(text: &str) -> Result<Values, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(values)) => {
            values.keys().try_for_each(|name| check_name(name))?;
            match values.iter().find(|(_, value)| is_too_deep(value)) {
                Some((name, _)) => Err(format!("`{name}` is nested more than {MAX_DEPTH} levels deep")),
                None => Ok(values),
            }
        }
        Ok(_) => Err("JSON, but not an object".to_owned()),
        Err(error) => Err(format!("not a JSON object: {error}")),
    }
}

pub(crate) fn is_too_deep(value: &Value) -> bool {
    exceeds(value, MAX_DEPTH)
}

fn exceeds(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if depth == 0 => true,
        Value::Array(list) => list.iter().any(|part| exceeds(part, depth - 1)),
        Value::Object(map) => map.values().any(|part| exceeds(part, depth - 1)),
        _ => false,
    }
}

fn parse_lines(text: &str) -> Result<Values, String> {
    let mut values = Values::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        let (name, value) = line.split_once('=').ok_or_else(|| format!("line {number} is not `name=value`"))?;
        let name = name.trim();
        check_name(name).map_err(|error| format!("line {number}: {error}"))?;
        values.insert(name.to_owned(), scalar(value));
    }
    Ok(values)
}

/// Converts `true`, `false` and numbers. `12e4` remains a text, because it may be part of a hash.
fn scalar(text: &str) -> Value {
    match text.trim() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        word => match word.parse::<i64>() {
            Ok(number) if number.to_string() == word => number.into(),
            _ => decimal(word).unwrap_or_else(|| text.into()),
        },
    }
}

fn decimal(word: &str) -> Option<Value> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let value = serde_json::from_str(word).ok().filter(Value::is_f64);
    value.filter(|_| digits.contains(['.', '+', '-']))
}

pub(crate) fn is_value_name(name: &str) -> bool {
    check_name(name).is_ok()
}

fn check_name(name: &str) -> Result<(), String> {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_other = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let is_fine = name.as_bytes().first().is_some_and(is_first) && name.bytes().all(|byte| is_other(&byte));
    if is_fine && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let shown: String = name.chars().take(40).collect();
    Err(format!(
        "{shown:?} is not a name: a name begins with a letter or `_`, contains only letters, digits, `_` and `-`, and has at most {MAX_NAME_BYTES} characters"
    ))
}

/// Returns the standard output as text. Trailing newlines are removed, like in a shell (POSIX,
/// Shell Command Language, 2.6.3).
///
/// # Errors
/// A message, if the output is too long or not UTF-8.
pub(crate) fn printed_text(stdout: &[u8], length: u64) -> Result<String, String> {
    if length > MAX_VALUES_BYTES as u64 {
        let limit = MAX_VALUES_BYTES;
        return Err(format!(
            "its output is {length} bytes, and the limit is {limit}; write the output to a file instead"
        ));
    }
    let text = std::str::from_utf8(stdout).map_err(|_| "its standard output is not UTF-8".to_owned())?;
    Ok(text.trim_end_matches('\n').to_owned())
}
