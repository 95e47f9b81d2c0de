//! What is wrong with a file, as data.

use std::fmt;

use crate::definition::Position;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing: something is kept and of no effect.
    Note,
    /// It may be wrong, and will fail some day where it is.
    Warning,
    /// The file cannot be used.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where; the place of the nearest thing that has one.
    pub position: Position,
    /// What is wrong: a fragment in lower case.
    pub message: String,
    /// What would be right, where that can be said: "a list of steps".
    pub expected: Option<String>,
    /// The word that may have been meant.
    pub meant: Option<String>,
}

impl Problem {
    /// A problem of this severity.
    pub(crate) fn new(severity: Severity, position: Position, message: impl Into<String>) -> Self {
        Self { severity, position, message: message.into(), expected: None, meant: None }
    }

    /// A problem that makes the file useless.
    pub(crate) fn error(position: Position, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, position, message)
    }

    /// A problem that may be none.
    pub(crate) fn warning(position: Position, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, position, message)
    }

    /// Something worth knowing.
    pub(crate) fn note(position: Position, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, position, message)
    }

    /// The same, with what would be right.
    #[must_use]
    pub(crate) fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same, with the word that may have been meant.
    #[must_use]
    pub(crate) fn meaning(mut self, meant: Option<String>) -> Self {
        self.meant = meant;
        self
    }
}

/// The words of a problem without its place and severity.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(meant) = &self.meant {
            write!(f, "; did you mean `{meant}`?")?;
        }
        Ok(())
    }
}

/// Problems as they are found, up to more than anybody would read.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    /// How many more there were, and how bad the worst of them was.
    left_out: Option<(usize, Severity)>,
}

impl Problems {
    /// The most that are kept.
    const MOST: usize = 1_000;

    /// Adds a problem.
    pub(crate) fn add(&mut self, problem: Problem) {
        if self.found.len() < Self::MOST {
            self.found.push(problem);
            return;
        }
        let (count, worst) = self.left_out.unwrap_or((0, Severity::Note));
        self.left_out = Some((count + 1, worst.max(problem.severity)));
    }

    /// All of them in the order of their places.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| problem.position);
        if let Some((count, severity)) = self.left_out {
            let last = self.found.last().map_or(Position::START, |problem| problem.position);
            self.found.push(Problem::new(severity, last, format!("there are {count} problems more")));
        }
        self.found
    }
}
