//! The inputs of a workflow: given as words for a whole run, typed for each file.

use autoproc_domain::FilePath;
use serde_json::Value;

use super::event::Values;
use super::plan::Plan;
use crate::definition::{Input, InputType, Workflow};
use crate::expression::{Scope, render_text, render_value};
use crate::nearest::nearest_first;

/// The names that every execution has without being given them.
const GIVEN: [&str; 2] = ["file", "files"];

/// Inputs as they were given, checked as far as can be before there is a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    given: Vec<(String, String)>,
}

/// Why a workflow cannot have these inputs. Nothing has run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It does not begin without this one: give it.
    #[error("the workflow needs the input `{name}`{}", .description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Missing {
        /// Its name.
        name: String,
        /// What its author says of it.
        description: Option<String>,
    },
    /// Nothing in it has this name: check the spelling.
    #[error("the workflow has no input `{name}`{}", known_inputs(.known))]
    Unknown {
        /// The name.
        name: String,
        /// Those it has, the nearest first.
        known: Vec<String>,
    },
    /// It is given twice: give it once.
    #[error("the input `{name}` is given twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// It is another kind of value: check it.
    #[error("the input `{name}` {detail}")]
    Unfit {
        /// Its name.
        name: String,
        /// What it should be, and is not.
        detail: String,
    },
}

fn known_inputs(known: &[String]) -> String {
    if known.is_empty() { "; it takes none".to_owned() } else { format!("; it takes {}", known.join(", ")) }
}

impl Inputs {
    /// The inputs of a workflow for a run: names and texts. A text may hold `${file}`, and `$${` stands for `${`. A name
    /// that the workflow does not declare is accepted where some expression of it uses that name.
    ///
    /// # Errors
    /// [`InputError`], for the first that is wrong.
    pub fn new(plan: &Plan, given: Vec<(String, String)>) -> Result<Self, InputError> {
        let declared = &plan.workflow().inputs;
        for (index, (name, _)) in given.iter().enumerate() {
            if given[..index].iter().any(|(before, _)| before == name) {
                return Err(InputError::Twice { name: name.clone() });
            }
            let is_declared = declared.iter().any(|input| input.name == *name);
            if !is_declared && (GIVEN.contains(&name.as_str()) || !plan.uses(name)) {
                let known = nearest_first(name, declared.iter().map(|input| input.name.as_str()));
                return Err(InputError::Unknown { name: name.clone(), known });
            }
        }
        let inputs = Self { given };
        // The inputs of files differ in the file's path alone, and in nothing that could be wrong.
        inputs.values(plan.workflow(), &file_scope("/file")).map(|_| inputs)
    }

    /// The inputs for one file, without `file` and `files`, unless these are given.
    ///
    /// # Errors
    /// [`InputError`], for the first that is wrong.
    pub(crate) fn for_file(&self, workflow: &Workflow, file: &FilePath) -> Result<Values, InputError> {
        self.values(workflow, &file_scope(&file.text()))
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
        Ok(values)
    }
}

/// What every execution knows from the start.
pub(crate) fn file_scope(path: &str) -> Scope {
    let mut scope = Scope::new();
    scope.set("files", &Value::from(vec![path]));
    scope.set("file", &path.into());
    scope
}

/// None where the name has its value without being given one.
fn value_of(input: &Input, text: Option<&str>, scope: &Scope) -> Result<Option<Value>, InputError> {
    match (text, &input.default) {
        (Some(text), _) => typed(input, &rendered(&input.name, text, scope)?).map(Some),
        (None, Some(default)) => {
            render_value(default, scope).map(Some).map_err(|error| unfit(&input.name, error.to_string()))
        }
        (None, None) if GIVEN.contains(&input.name.as_str()) => Ok(None),
        (None, None) if input.required => {
            Err(InputError::Missing { name: input.name.clone(), description: input.description.clone() })
        }
        (None, None) => Ok(Some(Value::Null)),
    }
}

fn rendered(name: &str, text: &str, scope: &Scope) -> Result<String, InputError> {
    render_text(text, scope).map_err(|error| unfit(name, error.to_string()))
}

fn typed(input: &Input, text: &str) -> Result<Value, InputError> {
    let word = text.trim();
    let json = |is_fit: fn(&Value) -> bool, kind: &str| match serde_json::from_str(word) {
        Ok(value) if is_fit(&value) => Ok(value),
        _ => Err(unfit(&input.name, format!("is to be {kind}, and is {}", shortened(text)))),
    };
    match &input.kind {
        InputType::String | InputType::File | InputType::Other(_) => Ok(text.into()),
        InputType::Array if word.starts_with('[') => json(Value::is_array, "a list"),
        InputType::Array => Ok(word.split(',').map(|word| Value::from(word.trim())).collect()),
        InputType::Number => json(Value::is_number, "a number"),
        InputType::Integer => json(|value| value.is_i64() || value.is_u64(), "a whole number"),
        InputType::Boolean => json(Value::is_boolean, "true or false"),
        InputType::Object => json(Value::is_object, "an object in JSON"),
        InputType::Json => json(|_| true, "JSON"),
    }
}

fn unfit(name: &str, detail: String) -> InputError {
    InputError::Unfit { name: name.to_owned(), detail }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let shown: String = text.chars().take(SHOWN).collect();
    format!("{shown:?}")
}
