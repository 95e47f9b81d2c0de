//! The section `[store]` of `autoproc.toml`: the database of the queue.
//!
//! ```toml
//! [store]
//! url = "postgres://USER@HOST/DATABASE"
//! map = ["STORED=HERE"]
//! ```

use std::io;
use std::path::Path;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{FILE_NAME, RunnersError, invalid, position};
use crate::read::small_file;

/// A file without this text is not parsed here. Its syntax errors affect only workflows.
const SECTION: &str = "store";

/// Replaces the parser's messages, because they could contain a password.
const EXPECTED: &str =
    "the section [store] has url = \"postgres://USER@HOST/DATABASE\", map = [\"STORED=HERE\"], or both";

#[derive(Deserialize)]
struct Document {
    store: Option<Spanned<Value>>,
}

/// The content of the section `[store]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreSection {
    /// The URL of the database, which may contain a password; `None` if there is none.
    pub url: Option<String>,
    /// The rules that map stored paths to paths on this machine, as texts.
    pub map: Vec<String>,
}

/// Returns the section `[store]` of a project's `autoproc.toml`; `None` if there is no such file or
/// section. A file without the word `store` is not parsed.
///
/// # Errors
/// [`RunnersError`] if the file cannot be read or is not TOML, or if the section is empty or has
/// other keys or values.
pub fn store_section(project: &Path) -> Result<Option<StoreSection>, RunnersError> {
    let path = project.join(FILE_NAME);
    let text = match small_file(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RunnersError::Io { path, source }),
    };
    if !text.contains(SECTION) {
        return Ok(None);
    }
    let document: Document = toml::from_str(&text).map_err(|error| invalid(&text, &path, &error))?;
    let Some(store) = document.store else { return Ok(None) };
    let at = store.span().start;
    let store = store.into_inner();
    let unexpected = || RunnersError::Invalid { path, position: position(&text, at), message: EXPECTED.to_owned() };
    section(store).map(Some).ok_or_else(unexpected)
}

fn section(store: Value) -> Option<StoreSection> {
    let Value::Table(table) = store else { return None };
    if table.is_empty() {
        return None;
    }
    let mut section = StoreSection::default();
    for (key, value) in table {
        match (key.as_str(), value) {
            ("url", Value::String(url)) => section.url = Some(url),
            ("map", Value::Array(rules)) => section.map = rules.into_iter().map(text).collect::<Option<_>>()?,
            _ => return None,
        }
    }
    Some(section)
}

fn text(value: Value) -> Option<String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn found(text: &str) -> Result<Option<StoreSection>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE_NAME), text).expect("the file");
        store_section(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn only_the_section_counts() {
        assert_eq!(store_section(Path::new("/absent")).ok(), Some(None));
        let url = "[runners]\ntask = [\"./t\"]\n[store]\nurl = \"postgres://anna@db/queue\"\n";
        let section = StoreSection { url: Some("postgres://anna@db/queue".to_owned()), map: Vec::new() };
        assert_eq!(found(url), Ok(Some(section)));
        let section = StoreSection { url: None, map: vec!["/a=/b".to_owned()] };
        assert_eq!(found("[store]\nmap = [\"/a=/b\"]\n"), Ok(Some(section)));
        assert_eq!(found("[runners]\ntask = [\"./restore\"]\n"), Ok(None));
        assert_eq!(found("broken ="), Ok(None), "a file without the section concerns workflows alone");
        assert!(super::super::Runners::parse(url, Path::new("x")).is_ok(), "the runners accept the section");
    }

    #[test]
    fn another_content_is_refused_without_its_text() {
        for text in [
            "store = \"postgres://anna:secret@db/queue\"",
            "[store]\nurl = [\"secret\"]",
            "[store]\nuri = \"secret\"",
            "[store]\nmap = \"secret\"",
            "[store]\nmap = [1, \"secret\"]",
            "[store]\nurl = \"postgres://db/queue\"\npassword = \"secret\"",
            "[store]\n",
            "[store]\nurl = secret",
        ] {
            let error = found(text).expect_err(text);
            assert!(error.contains("autoproc.toml:") && !error.contains("secret"), "{error}");
        }
    }
}
