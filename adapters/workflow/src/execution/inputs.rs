//! Validates and converts the inputs of a workflow.

use autoproc_domain::FilePath;
use serde_json::Value;

use super::event::Values;
use super::plan::Plan;
use super::scope::file_scope;
use super::values::{MAX_DEPTH, is_too_deep};
use crate::definition::{Input, InputType, Workflow};
use crate::expression::{ExpressionError, Scope, names_in_text, render_text, render_value, text_of};
use crate::nearest::{list_known, nearest_first};

const IMPLICIT: [&str; 2] = ["file", "files"];

/// The inputs that the user gives, as text. They are validated as far as possible without a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    given: Vec<(String, String)>,
}

/// The reason why the inputs do not fit the workflow. No step has run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum InputError {
    #[error("the workflow needs the input `{name}`{}", .description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Missing { name: String, description: Option<String> },
    #[error("the workflow has no input `{name}`{}", known_inputs(.known))]
    Unknown {
        name: String,
        /// The names of the workflow's inputs that are most similar to `name`, the closest first.
        known: Vec<String>,
    },
    #[error("`{name}` cannot be an input: in expressions it stands for {meaning}")]
    Taken { name: String, meaning: &'static str },
    #[error("the input `{name}` is given twice")]
    Twice { name: String },
    #[error("the input `{name}` {detail}")]
    Unfit { name: String, detail: String },
}

fn known_inputs(known: &[String]) -> String {
    if known.is_empty() { "; it has no inputs".to_owned() } else { format!("; {}", list_known("inputs", known)) }
}

impl Inputs {
    /// Creates the inputs of a run from names and texts. A text may contain `${file}`, even within
    /// JSON. An undeclared name is accepted if an expression uses it.
    ///
    /// # Errors
    /// [`InputError`] for the first wrong input.
    pub fn new(plan: &Plan, given: Vec<(String, String)>) -> Result<Self, InputError> {
        let declared = &plan.workflow().inputs;
        for (index, (name, _)) in given.iter().enumerate() {
            if given[..index].iter().any(|(before, _)| before == name) {
                return Err(InputError::Twice { name: name.clone() });
            }
            if let Some(meaning) = plan.meaning_of(name) {
                return Err(InputError::Taken { name: name.clone(), meaning });
            }
            let is_declared = declared.iter().any(|input| input.name == *name);
            if !is_declared && (IMPLICIT.contains(&name.as_str()) || !plan.uses(name)) {
                let known = nearest_first(name, declared.iter().map(|input| input.name.as_str()));
                return Err(InputError::Unknown { name: name.clone(), known });
            }
        }
        let inputs = Self { given };
        // Checks the inputs with a placeholder path. If the path of a real file does not fit, the
        // attempt on that file fails.
        inputs.values(plan.workflow(), &file_scope("/file")).map(|_| inputs)
    }

    /// Returns the input values for one file.
    ///
    /// # Errors
    /// [`InputError`] for the first wrong input.
    pub(crate) fn for_file(&self, workflow: &Workflow, file: &FilePath) -> Result<Values, InputError> {
        self.values(workflow, &file_scope(&file.text()))
    }

    pub(crate) fn independent_of_files(&self, workflow: &Workflow) -> Values {
        // An input that depends on the file has different values for two different paths.
        let of = |path: &str| self.values(workflow, &file_scope(path)).unwrap_or_default();
        let other = of("/other/file");
        of("/file").into_iter().filter(|(name, value)| other.get(name) == Some(value)).collect()
    }

    fn values(&self, workflow: &Workflow, scope: &Scope) -> Result<Values, InputError> {
        let mut values = Values::new();
        for input in &workflow.inputs {
            let text = self.given.iter().find(|(name, _)| *name == input.name);
            if let Some(value) = value_of(input, text.map(|(_, text)| text.as_str()), scope)? {
                values.insert(input.name.clone(), value);
            }
        }
        for (name, text) in &self.given {
            if !values.contains_key(name) {
                values.insert(name.clone(), rendered(name, text, scope)?.into());
            }
        }
        match values.iter().find(|(_, value)| is_too_deep(value)) {
            Some((name, _)) => Err(unfit(name, format!("is nested more than {MAX_DEPTH} levels deep"))),
            None => Ok(values),
        }
    }
}

fn value_of(input: &Input, text: Option<&str>, scope: &Scope) -> Result<Option<Value>, InputError> {
    match (text, &input.default) {
        (Some(text), _) => typed(input, text, scope).map(Some),
        (None, Some(default)) => {
            render_value(default, scope).map(Some).map_err(|error| unfit(&input.name, error.to_string()))
        }
        (None, None) if IMPLICIT.contains(&input.name.as_str()) => Ok(None),
        (None, None) if input.required => {
            Err(InputError::Missing { name: input.name.clone(), description: input.description.clone() })
        }
        (None, None) => Ok(Some(Value::Null)),
    }
}

fn rendered(name: &str, text: &str, scope: &Scope) -> Result<String, InputError> {
    render_text(text, scope).map_err(|error| unfit(name, error.to_string()))
}

fn typed(input: &Input, text: &str, scope: &Scope) -> Result<Value, InputError> {
    let expected = match &input.kind {
        InputType::Enum if input.is_closed() => return one_of(input, &rendered(&input.name, text, scope)?),
        InputType::String | InputType::Enum | InputType::File | InputType::Directory | InputType::Other(_) => {
            return rendered(&input.name, text, scope).map(Value::from);
        }
        InputType::Array => "a list",
        InputType::Number => "a number",
        InputType::Integer => "a whole number",
        InputType::Boolean => "true or false",
        InputType::Object => "an object in JSON",
        InputType::Json => "JSON",
    };
    let is_fit = |value: &Value| input.kind.accepts(value) && (!value.is_null() || input.kind == InputType::Json);
    let word = text.trim();
    match in_json(word, scope).map_err(|error| unfit(&input.name, error.to_string()))? {
        Some(value) if is_fit(&value) => Ok(value),
        _ if input.kind == InputType::Array && !word.starts_with('[') => list(&input.name, word, scope),
        _ => Err(unfit(&input.name, format!("must be {expected}, not {}", shortened(text)))),
    }
}

fn one_of(input: &Input, text: &str) -> Result<Value, InputError> {
    let word = |value: &Value| text_of(value).unwrap_or_default();
    let found = input.values.iter().find(|value| word(value) == text);
    found.cloned().ok_or_else(|| {
        let words: Vec<_> = input.values.iter().map(word).collect();
        unfit(&input.name, format!("must be one of {}, not {}", words.join(", "), shortened(text)))
    })
}

/// Returns the value of a JSON word or a single `${…}`. A file name is never parsed as JSON.
fn in_json(word: &str, scope: &Scope) -> Result<Option<Value>, ExpressionError> {
    let read = serde_json::from_str(word).ok();
    let read = read.or_else(|| is_single_expression(word).then(|| Value::from(word)));
    read.map(|value| render_value(&value, scope)).transpose()
}

fn is_single_expression(word: &str) -> bool {
    let inside = word.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inside.is_some_and(|inside| !inside.contains("${"))
}

fn list(name: &str, text: &str, scope: &Scope) -> Result<Value, InputError> {
    if text.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    let mut words = Vec::<String>::new();
    for part in text.split(',') {
        match words.last_mut().filter(|last| is_unclosed(last)) {
            Some(last) => *last = format!("{last},{part}"),
            None => words.push(part.to_owned()),
        }
    }
    words.iter().map(|word| rendered(name, word.trim(), scope).map(Value::from)).collect()
}

fn is_unclosed(text: &str) -> bool {
    matches!(names_in_text(text), Err(ExpressionError::Unclosed { .. }))
}

fn unfit(name: &str, detail: String) -> InputError {
    InputError::Unfit { name: name.to_owned(), detail }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let shown: String = text.chars().take(SHOWN).collect();
    format!("{shown:?}")
}
