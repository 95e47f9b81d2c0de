//! What a step returns: read from the file it was told of, or from what it printed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use serde_json::Value;

use super::event::Values;

/// The most a step may return, in bytes, in its file or on its standard output: what is longer belongs into a file of its
/// own, whose path is returned.
pub const MAX_VALUES_BYTES: usize = 1 << 20;

/// The longest name of a value, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// How deep a value may be nested. In the journal it stands a few levels deeper, and `serde_json` reads no more than 128.
pub(crate) const MAX_DEPTH: usize = 64;

/// Reads the values a step has written to its file: one JSON object, or lines of `name=value`.
///
/// # Errors
/// Words, where there are too many of them, or they are in neither form.
pub(crate) fn read_values(path: &Path) -> Result<Values, String> {
    match bounded_bytes(path) {
        Ok(Some(bytes)) => parse_values(&bytes).map_err(|error| format!("the values it returned: {error}")),
        Ok(None) => Err(format!("it returned values of more than {MAX_VALUES_BYTES} bytes")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Values::new()),
        Err(error) => Err(format!("the values it returned cannot be read: {error}")),
    }
}

/// None where they are too many.
fn bounded_bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // A step may have put a FIFO in the place of its file, which is not waited for, or a link, which is not followed.
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a file any more"));
    }
    if metadata.len() > MAX_VALUES_BYTES as u64 { Ok(None) } else { up_to_limit(file) }
}

fn up_to_limit(file: File) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(MAX_VALUES_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_VALUES_BYTES).then_some(bytes))
}

/// Understands values in either form; what begins with `{` is JSON.
///
/// # Errors
/// Words that say where and why not.
pub fn parse_values(bytes: &[u8]) -> Result<Values, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 after byte {}", error.valid_up_to()))?;
    if text.trim_start().starts_with('{') { parse_object(text) } else { parse_lines(text) }
}

/// Understands one JSON object.
///
/// # Errors
/// Words that say where and why not.
pub fn parse_object(text: &str) -> Result<Values, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(values)) => {
            values.keys().try_for_each(|name| check_name(name))?;
            match values.iter().find(|(_, value)| is_too_deep(value)) {
                Some((name, _)) => Err(format!("`{name}` is nested more than {MAX_DEPTH} deep")),
                None => Ok(values),
            }
        }
        Ok(_) => Err("JSON, but not an object".to_owned()),
        Err(error) => Err(format!("not a JSON object: {error}")),
    }
}

/// Whether lists and maps stand in each other more than [`MAX_DEPTH`] times.
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

/// A truth value or a whole number where the text is exactly how JSON would say it, else the text: `007` is no number.
fn scalar(text: &str) -> Value {
    match text.trim() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        word => match word.parse::<i64>() {
            Ok(number) if number.to_string() == word => number.into(),
            _ => text.into(),
        },
    }
}

/// Expressions could not refer to any other.
fn check_name(name: &str) -> Result<(), String> {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_other = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let is_fine = name.as_bytes().first().is_some_and(is_first) && name.bytes().all(|byte| is_other(&byte));
    if is_fine && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let shown: String = name.chars().take(40).collect();
    Err(format!("{shown:?} is no name: a letter or `_`, then letters, digits, `_` and `-`, at most {MAX_NAME_BYTES}"))
}

/// What a step printed, as `${steps.ID.stdout}` has it: without the newlines at its end, as shells do (POSIX, Shell Command
/// Language, 2.6.3).
///
/// # Errors
/// Words, where it is too long or no text.
pub(crate) fn printed_text(stdout: &[u8], length: u64) -> Result<String, String> {
    if length > MAX_VALUES_BYTES as u64 {
        let limit = MAX_VALUES_BYTES;
        return Err(format!(
            "it printed {length} bytes, and no more than {limit} can be handed on; let it write a file"
        ));
    }
    let text = std::str::from_utf8(stdout).map_err(|_| "what it printed is not UTF-8".to_owned())?;
    Ok(text.trim_end_matches('\n').to_owned())
}
