//! The problems in a workflow file.

use std::fmt;

use crate::definition::Position;

/// The severity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A remark, for instance that a key is ignored.
    Note,
    /// The workflow may fail or may not do what its author expects.
    Warning,
    /// The workflow cannot be used.
    Error,
}

impl Severity {
    /// Returns the word for the severity, as in messages and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A problem in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The severity of the problem.
    pub severity: Severity,
    /// The position of the problem, or of the nearest node with a known position.
    pub position: Position,
    /// The message: a fragment in lower case.
    pub message: String,
    /// The expected value, such as "a list of steps".
    pub expected: Option<String>,
    /// A similar known word, which the author may have meant.
    pub meant: Option<String>,
    /// True if a strict check treats the problem as an error.
    pub is_strict_error: bool,
}

impl Problem {
    pub(crate) fn error(position: Position, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            position,
            message: message.into(),
            expected: None,
            meant: None,
            is_strict_error: false,
        }
    }

    pub(crate) fn expecting(&mut self, expected: impl Into<String>) -> &mut Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn meaning(&mut self, meant: Option<String>) -> &mut Self {
        self.meant = meant;
        self
    }

    pub(crate) fn strictly(&mut self) -> &mut Self {
        self.is_strict_error = true;
        self
    }
}

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

#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    /// The number and the worst severity of the omitted problems.
    omitted: Option<(usize, Severity)>,
}

impl Problems {
    /// More problems than a person reads.
    const MAX_KEPT: usize = 1_000;

    pub(crate) fn error(&mut self, position: Position, message: impl Into<String>) -> &mut Problem {
        self.add(Problem::error(position, message))
    }

    pub(crate) fn warning(&mut self, position: Position, message: impl Into<String>) -> &mut Problem {
        self.add(Problem { severity: Severity::Warning, ..Problem::error(position, message) })
    }

    pub(crate) fn note(&mut self, position: Position, message: impl Into<String>) -> &mut Problem {
        self.add(Problem { severity: Severity::Note, ..Problem::error(position, message) })
    }

    /// Keeps the newest problem even beyond `MAX_KEPT`, because the caller may add details.
    pub(crate) fn add(&mut self, problem: Problem) -> &mut Problem {
        if self.found.len() > Self::MAX_KEPT {
            self.omit_last();
        }
        self.found.push_mut(problem)
    }

    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        if self.found.len() > Self::MAX_KEPT {
            self.omit_last();
        }
        self.found.sort_by_key(|problem| problem.position);
        if let Some((count, severity)) = self.omitted {
            let last = self.found.last().map_or(Position::START, |problem| problem.position);
            let noun = if count == 1 { "problem" } else { "problems" };
            self.found.push(Problem { severity, ..Problem::error(last, format!("{count} more {noun}")) });
        }
        self.found
    }

    fn omit_last(&mut self) {
        let Some(last) = self.found.pop() else { return };
        let (count, worst) = self.omitted.unwrap_or((0, Severity::Note));
        self.omitted = Some((count + 1, worst.max(last.severity)));
    }
}
