//! Filters and tests for expressions, with bounded memory.

use std::sync::Arc;

use minijinja::filters;
use minijinja::tests;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

/// The maximum size in bytes of a result of `replace` or `join`: eight times the limit for a step's
/// values.
const MAX_RESULT_BYTES: usize = 8 << 20;

pub(super) fn add_to(environment: &mut Environment<'static>) {
    add_filters(environment);
    add_tests(environment);
}

fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("default", filters::default);
    environment.add_filter("length", filters::length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("replace", replace);
    environment.add_filter("split", filters::split);
    environment.add_filter("int", filters::int);
    environment.add_filter("float", filters::float);
    environment.add_filter("string", text);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("abs", filters::abs);
    environment.add_filter("round", filters::round);
    environment.add_filter("basename", basename);
    environment.add_filter("dirname", dirname);
    environment.add_filter("json", to_json);
    environment.add_filter("join", join);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("list", filters::list);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("min", filters::min);
    environment.add_filter("max", filters::max);
    environment.add_filter("sum", filters::sum);
}

fn add_tests(environment: &mut Environment<'static>) {
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("true", tests::is_true);
    environment.add_test("false", tests::is_false);
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("number", tests::is_number);
    environment.add_test("string", tests::is_string);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("in", tests::is_in);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("endingwith", tests::is_endingwith);
    environment.add_test("eq", tests::is_eq);
    environment.add_test("ne", tests::is_ne);
    environment.add_global("null", ());
}

fn replace(value: &str, from: &str, to: &str) -> Result<String, Error> {
    let made = value.matches(from).count().saturating_mul(to.len()).saturating_add(value.len());
    bounded(made)?;
    Ok(value.replace(from, to))
}

fn join(list: &Value, separator: Option<&str>) -> Result<String, Error> {
    let separator = separator.unwrap_or_default();
    let mut joined = String::new();
    for (index, value) in list.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text(&value)?);
        bounded(joined.len())?;
    }
    Ok(joined)
}

pub(super) fn to_json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, "not a JSON value").with_source(error))
}

fn basename(path: &str) -> Option<Arc<str>> {
    let name = std::path::Path::new(path).file_name()?;
    Some(Arc::from(name.to_string_lossy()))
}

fn dirname(path: &str) -> Option<Arc<str>> {
    let folder = std::path::Path::new(path).parent()?;
    Some(Arc::from(folder.to_string_lossy()))
}

fn text(value: &Value) -> Result<String, Error> {
    match (value.kind(), value.as_str()) {
        (ValueKind::Undefined | ValueKind::None, _) => {
            Err(Error::new(ErrorKind::InvalidOperation, "null cannot be converted to text"))
        }
        (_, Some(text)) => Ok(text.to_owned()),
        _ => to_json(value),
    }
}

fn bounded(bytes: usize) -> Result<(), Error> {
    if bytes <= MAX_RESULT_BYTES {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidOperation, format!("the result is longer than {MAX_RESULT_BYTES} bytes")))
}
