//! Chooses the store of the queue: the project folder or a database.

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use autoproc_workflow::runners::{self, StoreSection};

use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;
use crate::path_map::{MapRule, PathMap};
use crate::project::Project;
use crate::wiring;

pub(crate) const VARIABLE: &str = "AUTOPROC_STORE";

pub(crate) const OPTION: &str = "--store";

pub(crate) const MAP_OPTION: &str = "--map";

const MAP_IN_FILE: &str = "map in autoproc.toml";

/// This environment variable contains the rules of the path map, one per line.
pub(crate) const MAP_VARIABLE: &str = "AUTOPROC_MAP";

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The URL of a database. Never print it: it may contain a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoreUrl(String);

impl StoreUrl {
    /// Callers must never print the result, because it may contain a password.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_address(&self) -> bool {
        SCHEMES.iter().any(|scheme| self.0.starts_with(scheme))
    }
}

impl FromStr for StoreUrl {
    type Err = Infallible;

    /// Accepts every text. An error would show the password.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreUrl(…)")
    }
}

/// Removes the passwords from PostgreSQL addresses, for errors that quote the command line.
pub(crate) fn without_passwords(text: &str) -> String {
    without_passwords_of(text, env::args_os().filter_map(|word| word.into_string().ok()))
}

pub(crate) fn word_without_password(word: &OsString) -> OsString {
    let Some((text, at)) = word.to_str().and_then(|text| Some((text, end_of_scheme(text)?))) else {
        return word.clone();
    };
    format!("{}{}", &text[..at], without_password(&text[at..])).into()
}

/// Removes the passwords from the addresses in `text`.
fn without_passwords_of(text: &str, words: impl Iterator<Item = String>) -> String {
    let mut text = text.to_owned();
    for word in words {
        if let Some(at) = end_of_scheme(&word).filter(|at| *at < word.len()) {
            text = text.replace(&word[at..], &without_password(&word[at..]));
        }
    }
    let (mut shown, mut rest) = (String::new(), text.as_str());
    while let Some(at) = end_of_scheme(rest) {
        let (before, address) = rest.split_at(at);
        let end = address.find(|char: char| char.is_whitespace() || "'\"`".contains(char)).unwrap_or(address.len());
        shown += before;
        shown += &without_password(&address[..end]);
        rest = &address[end..];
    }
    shown + rest
}

fn end_of_scheme(text: &str) -> Option<usize> {
    SCHEMES.iter().filter_map(|scheme| Some(text.find(scheme)? + scheme.len())).min()
}

/// Removes the password from `address`. Returns `…` if the limits of the password are unclear.
fn without_password(address: &str) -> String {
    let (credentials, location) = address.split_once('@').unwrap_or(("", address));
    let is_unclear = location.contains('@') || credentials.contains(['/', '?']) || address.contains("password");
    if is_unclear {
        return "…".to_owned();
    }
    let user = credentials.split(':').next().unwrap_or_default();
    let at = if address.contains('@') { "@" } else { "" };
    format!("{user}{at}{location}")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    Option,
    Variable,
    File,
    /// An option of `migrate`, for instance `--from`.
    Place(&'static str),
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Option => OPTION,
            Self::Variable => VARIABLE,
            Self::File => "the section [store] of autoproc.toml",
            Self::Place(option) => option,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreChoice {
    pub(crate) url: StoreUrl,
    pub(crate) named_by: NamedBy,
}

impl StoreChoice {
    /// Returns the named database. `None` if the queue is in the project folder.
    ///
    /// # Errors
    /// [`CliError`] if the variable is not UTF-8, if `autoproc.toml` cannot be read, or if it names
    /// a database and another user controls a part of the project.
    pub(crate) fn find(
        given: Option<&StoreUrl>,
        project: &Project,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, CliError> {
        if let Some(url) = given {
            return Ok(Some(Self { url: url.clone(), named_by: NamedBy::Option }));
        }
        if let Some(value) = variable(VARIABLE).filter(|value| !value.is_empty()) {
            let url = value.into_string().map_err(|_| CliError::config(format!("{VARIABLE} is not UTF-8")))?;
            return Ok(Some(Self { url: StoreUrl(url), named_by: NamedBy::Variable }));
        }
        let Some(url) = section(project)?.url else { return Ok(None) };
        project.require_trust(variable)?;
        Ok(Some(Self { url: StoreUrl(url), named_by: NamedBy::File }))
    }
}

fn section(project: &Project) -> Result<StoreSection, CliError> {
    let section = runners::store_section(project.root()).map_err(|error| wiring::runners_error(&error))?;
    Ok(section.unwrap_or_default())
}

/// Returns the path map from the options, else the variable, else `autoproc.toml`.
///
/// # Errors
/// [`CliError`] if a rule is malformed, if rules conflict, if options are given for a queue in a
/// folder, if `autoproc.toml` cannot be read, or if it has rules and another user controls a part
/// of the project.
pub(crate) fn path_map(
    given: &[MapRule],
    choice: Option<&StoreChoice>,
    project: &Project,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathMap, CliError> {
    let (rules, source, code) = match (given, choice) {
        ([], None) => return Ok(PathMap::default()),
        (_, None) => {
            return Err(CliError::usage("--map is for a queue in a database, and this queue is in a folder")
                .with_hint("name the database with --store, AUTOPROC_STORE, or [store] in autoproc.toml"));
        }
        ([], Some(_)) => match variable(MAP_VARIABLE).filter(|value| !value.is_empty()) {
            Some(value) => (rules(value.to_string_lossy().lines(), MAP_VARIABLE)?, MAP_VARIABLE, ExitCode::Config),
            None => (rules_of_file(project, variable)?, MAP_IN_FILE, ExitCode::Config),
        },
        (given, Some(_)) => (given.to_vec(), MAP_OPTION, ExitCode::Usage),
    };
    PathMap::new(rules).map_err(|error| {
        CliError::new(code, format!("the path rules of {source} are ambiguous: {}", Printable(&error.to_string())))
            .with_hint(
                "remove one of these rules: a folder can have only one name in the queue, and only one on this machine",
            )
    })
}

fn rules_of_file(project: &Project, variable: impl Fn(&str) -> Option<OsString>) -> Result<Vec<MapRule>, CliError> {
    let texts = section(project)?.map;
    if !texts.is_empty() {
        project.require_trust(variable)?;
    }
    rules(texts.iter().map(String::as_str), MAP_IN_FILE)
}

fn rules<'t>(texts: impl Iterator<Item = &'t str>, source: &str) -> Result<Vec<MapRule>, CliError> {
    let rule = |text: &str| {
        let invalid = |error| CliError::config(format!("{source}: {}: {error}", Printable(text)));
        text.parse::<MapRule>().map_err(invalid)
    };
    texts.map(rule).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::iter;

    use super::*;

    #[test]
    fn the_option_wins_over_the_variable_and_the_variable_over_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("autoproc.toml"), "[store]\nurl = \"file\"\n").expect("the file");
        let project = Project::in_folder(folder.path().to_owned());
        let found = |given: Option<&str>, value: Option<&str>| {
            let given = given.map(|text| StoreUrl(text.to_owned()));
            let lookup = |name: &str| value.filter(|_| name == VARIABLE).map(OsString::from);
            let choice = StoreChoice::find(given.as_ref(), &project, lookup);
            choice.expect("a choice").map(|choice| (choice.url.0, choice.named_by))
        };
        let choice = |url: &str, named_by| Some((url.to_owned(), named_by));
        assert_eq!(found(Some("option"), Some("variable")), choice("option", NamedBy::Option));
        assert_eq!(found(None, Some("variable")), choice("variable", NamedBy::Variable));
        assert_eq!(found(None, Some("")), choice("file", NamedBy::File));
        fs::remove_file(folder.path().join("autoproc.toml")).expect("the file is gone");
        assert_eq!(found(None, None), None);
    }

    #[test]
    fn a_quoted_word_has_no_password() {
        for (text, expected) in [
            ("--stor=postgres://a:secret@h/d", "--stor=postgres://a@h/d"),
            ("run --store 'postgresql://a:sec@ret@h/d' x:y@z", "run --store 'postgresql://…' x:y@z"),
            ("postgres://h/d?password=secret", "postgres://…"),
            ("postgres://a:secret@h/d postgres://b:secret@h", "postgres://a@h/d postgres://b@h"),
            ("a:b@c", "a:b@c"),
        ] {
            assert_eq!(without_passwords_of(text, iter::empty()), expected);
        }
    }

    #[test]
    fn a_word_is_known_to_its_end() {
        for (word, expected) in [
            ("postgres://anna:my secret@h/d", "`postgres://anna@h/d`?"),
            ("--store=postgres://anna:it's`secret@h/d", "`--store=postgres://anna@h/d`?"),
            ("postgres://h/d?password=se@cret", "`postgres://…`?"),
            ("postgres://anna:sec/ret@h/d", "`postgres://…`?"),
        ] {
            assert_eq!(without_passwords_of(&format!("`{word}`?"), iter::once(word.to_owned())), expected);
        }
    }

    #[test]
    fn a_url_is_not_in_debug_output() {
        assert!(!format!("{:?}", StoreUrl("secret".to_owned())).contains("secret"));
    }
}
