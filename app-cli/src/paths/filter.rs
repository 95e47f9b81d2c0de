//! Selects files by name and age.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::CliError;
use crate::since::Since;
use crate::view::quoting::quoted;

pub(super) const INCLUDE: &str = "--include";

pub(super) const EXCLUDE: &str = "--exclude";

/// Patterns with a slash match paths. Other patterns match file names.
#[derive(Debug, Clone, Default)]
struct Patterns {
    names: GlobSet,
    paths: GlobSet,
}

impl Patterns {
    fn new(globs: &[Glob]) -> Result<Self, CliError> {
        let set = |for_paths: bool| {
            let chosen = globs.iter().filter(|glob| glob.glob().contains('/') == for_paths);
            let mut set = GlobSetBuilder::new();
            chosen.for_each(|glob| {
                set.add(glob.clone());
            });
            set.build().map_err(|error| CliError::usage(error.to_string()))
        };
        Ok(Self { names: set(false)?, paths: set(true)? })
    }

    fn match_any(&self, name: &OsStr, below: &Path) -> bool {
        self.names.is_match(name) || self.paths.is_match(below)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// `None` includes every file.
    included: Option<Patterns>,
    excluded: Patterns,
    since: Option<(SystemTime, String)>,
    patterns: Vec<(&'static str, String)>,
}

impl Filter {
    /// Creates a filter. An empty `include` matches every file.
    ///
    /// # Errors
    /// [`CliError`] if the patterns together are too large.
    pub(super) fn new(include: &[Glob], exclude: &[Glob], newer_than: Option<Since>) -> Result<Self, CliError> {
        Ok(Self {
            included: if include.is_empty() { None } else { Some(Patterns::new(include)?) },
            excluded: Patterns::new(exclude)?,
            since: newer_than.and_then(|since| Some((since.system_time()?, since.to_string()))),
            patterns: [(INCLUDE, include), (EXCLUDE, exclude)]
                .into_iter()
                .flat_map(|(option, globs)| globs.iter().map(move |glob| (option, glob.glob().to_owned())))
                .collect(),
        })
    }

    /// Returns the filter as command-line options. Empty if every file passes.
    pub(super) fn options(&self) -> String {
        let patterns = self.patterns.iter().map(|(option, pattern)| format!("{option} {}", quoted(pattern)));
        let since = self.since.as_ref().map(|(_, since)| format!("--newer-than {}", quoted(since)));
        patterns.chain(since).collect::<Vec<_>>().join(" ")
    }

    /// Returns the patterns that have no wildcards such as `*`, each with its option.
    pub(super) fn literals(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let literals = self.patterns.iter().filter(|(_, pattern)| !pattern.contains(['*', '?', '[', '{']));
        literals.map(|(option, pattern)| (*option, pattern.as_str()))
    }

    pub(super) fn wants_folder(&self, below: &Path) -> bool {
        !below.file_name().is_some_and(|name| self.excluded.match_any(name, below))
    }

    /// True if the file passes the filter. Without `metadata`, ignores the age of the file.
    pub(super) fn wants(&self, below: &Path, metadata: Option<&Metadata>) -> bool {
        let name = below.file_name().unwrap_or_default();
        let is_included = self.included.as_ref().is_none_or(|patterns| patterns.match_any(name, below));
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        let is_new = self.since.as_ref().is_none_or(|(since, _)| modified.is_none_or(|modified| modified >= *since));
        is_included && is_new && !self.excluded.match_any(name, below)
    }
}

/// Parses a pattern. Only `**` matches a slash.
pub(super) fn glob(word: &str) -> Result<Glob, String> {
    let pattern = word.strip_prefix("./").unwrap_or(word);
    GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(include: &[&str], exclude: &[&str], below: &str) -> bool {
        let globs = |words: &[&str]| words.iter().map(|word| glob(word).expect("a pattern")).collect::<Vec<_>>();
        Filter::new(&globs(include), &globs(exclude), None).expect("patterns").wants(Path::new(below), None)
    }

    #[test]
    fn patterns_fit_names_or_paths() {
        assert!(wants(&["*.png"], &[], "a/b.png"));
        assert!(!wants(&["*.png"], &[], "a/b.txt"));
        assert!(wants(&["*.{png,jpg}"], &[], "a/b.jpg"));
        assert!(wants(&["a/*.png"], &[], "a/b.png"));
        assert!(!wants(&["a/*.png"], &[], "a/c/b.png"));
        assert!(wants(&["a/**/*.png"], &[], "a/c/b.png"));
        assert!(!wants(&["*.png"], &["draft*"], "a/draft 1.png"));
        assert!(wants(&[], &["*.tmp"], "a"));
        assert!(glob("[a").is_err());
    }

    #[test]
    fn the_options_are_those_that_were_entered() {
        let globs = [glob("*.png").expect("a pattern")];
        let since = crate::since::parse("90").expect("a span");
        let filter = Filter::new(&globs, &[], Some(since)).expect("patterns");
        assert_eq!(filter.options(), "--include '*.png' --newer-than '1m 30s'");
    }

    #[test]
    fn an_excluded_folder_is_left_out_whole() {
        let filter = Filter::new(&[], &[glob("@eaDir").expect("a pattern")], None).expect("patterns");
        assert!(!filter.wants_folder(Path::new("x/@eaDir")));
        assert!(filter.wants_folder(Path::new("x/photos")));
    }
}
