//! Detects patterns that the shell replaced by file names.
//!
//! The shell expands an unquoted `--include *.csv` to `--include a.csv b.csv c.csv`.

use std::path::{Path, PathBuf};

use super::filter::{EXCLUDE, Filter};
use crate::escape::Shown;
use crate::view::quoting::quoted;

/// A file name that the shell probably put in place of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unquoted {
    option: &'static str,
    pattern: String,
    first: PathBuf,
    count: usize,
}

impl Unquoted {
    /// Finds the first pattern that the shell has probably replaced by a file name.
    pub(super) fn find(filter: &Filter, words: &[PathBuf], cwd: &Path) -> Option<Self> {
        let mut patterns = filter.literals().filter(|(_, pattern)| cwd.join(pattern).is_file());
        patterns.find_map(|(option, pattern)| {
            let is_like = |word: &&PathBuf| {
                word.as_path() != Path::new(pattern)
                    && word.extension() == Path::new(pattern).extension()
                    && filter.wants(word, None) == (option == EXCLUDE)
                    && cwd.join(word).is_file()
            };
            let mut named = words.iter().filter(is_like);
            let first = named.next()?.clone();
            Some(Self { option, pattern: pattern.to_owned(), first, count: 1 + named.count() })
        })
    }

    pub(crate) fn warning(&self) -> String {
        let first = Shown(&self.first);
        let others = match self.count {
            1 => String::new(),
            2 => " and 1 more file".to_owned(),
            count => format!(" and {} more files", count - 1),
        };
        let (verb, fate) = match (self.count, self.option == EXCLUDE) {
            (1, true) => ("is", "not excluded"),
            (_, true) => ("are", "not excluded"),
            (1, false) => ("is", "excluded"),
            (_, false) => ("are", "excluded"),
        };
        format!(
            "{option} {pattern} names only this file, so {first}{others} {verb} {fate}; the shell may have replaced a pattern: quote it, as in: {option} {quoted}",
            option = self.option,
            pattern = quoted(&self.pattern),
            quoted = self.advised(),
        )
    }

    fn advised(&self) -> String {
        let extension = Path::new(&self.pattern).extension().map(|extension| extension.to_string_lossy());
        extension.map_or_else(|| "'*'".to_owned(), |extension| quoted(&format!("*.{extension}")))
    }
}
