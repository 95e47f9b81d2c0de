use serde_json::{Map, Value};

use super::Runner;
use crate::expression::text_of;
use crate::read::is_name;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill<'a> {
    pub(crate) file: &'a str,
    /// The task's file or name; empty for a command.
    pub(crate) task: &'a str,
    pub(crate) name: &'a str,
    pub(crate) workflow: &'a str,
    pub(crate) phase: &'a str,
    pub(crate) step: &'a str,
    pub(crate) inputs: &'a Map<String, Value>,
    pub(crate) params: &'a Map<String, Value>,
}

impl Runner {
    /// Returns the program and its arguments with all placeholders replaced.
    ///
    /// # Errors
    /// A message about the first missing or null input or parameter.
    pub(crate) fn fill(&self, fill: &Fill<'_>) -> Result<Vec<String>, String> {
        self.0.iter().map(|word| fill.word(word)).collect()
    }
}

impl Fill<'_> {
    fn word(&self, word: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::new(), word);
        while let Some(start) = rest.find('{') {
            filled.push_str(&rest[..start]);
            rest = &rest[start..];
            let placeholder = rest.find('}').map(|end| &rest[1..end]);
            match placeholder.map(|name| (name, self.value(name))) {
                Some((name, Some(value))) => {
                    filled.push_str(&value?);
                    rest = &rest[name.len() + 2..];
                }
                _ => {
                    filled.push('{');
                    rest = &rest[1..];
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, name: &str) -> Option<Result<String, String>> {
        let plain = match name {
            "file" => self.file,
            "task" => self.task,
            "name" => self.name,
            "workflow" => self.workflow,
            "phase" => self.phase,
            "step" => self.step,
            _ => return self.given(name),
        };
        Some(Ok(plain.to_owned()))
    }

    fn given(&self, placeholder: &str) -> Option<Result<String, String>> {
        let (kind, name) = placeholder.split_once('.')?;
        let (noun, values) = match kind {
            "input" if is_name(name) => ("input", self.inputs),
            "param" if is_name(&name.replace('-', "_")) => ("parameter", self.params),
            _ => return None,
        };
        let problem = match values.get(name).map(text_of) {
            Some(Some(text)) => return Some(Ok(text)),
            Some(None) => "has no value",
            None => "the step does not have",
        };
        Some(Err(format!("the runner of the step `{}` needs the {noun} `{name}`, which {problem}", self.step)))
    }
}
