//! Why an expression has no value.

/// Why an expression has no value, or none that could be used where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// It is not an expression.
    #[error("`{expression}` is no expression: {detail}")]
    Syntax {
        /// As written.
        expression: String,
        /// What the parser says.
        detail: String,
    },
    /// A `${` without its `}`.
    #[error("`{text}` has a `${{` without its `}}`; write `$${{` where `${{` itself is meant")]
    Unclosed {
        /// From the `${` on.
        text: String,
    },
    /// A name stands for nothing.
    #[error("unknown name `{name}`{}", known_names(.known))]
    UnknownName {
        /// The name, with what it was looked for in: `phase_1.entities`.
        name: String,
        /// The names that were there, the nearest first, and not all where they are many.
        known: Vec<String>,
    },
    /// The value is none where a text is needed.
    #[error("`${{{expression}}}` has no value; give it one, or write `${{{expression} or ''}}` where it may be empty")]
    NoValue {
        /// As written.
        expression: String,
    },
    /// The value cannot be an argument or a variable of a process.
    #[error("`${{{expression}}}` holds a NUL character, which no process can be given")]
    Nul {
        /// As written.
        expression: String,
    },
    /// The text is too long for where it stands.
    #[error("the text is longer than {limit} bytes; let the step read it from a file")]
    TooLong {
        /// The most bytes there may be.
        limit: usize,
    },
    /// The evaluation failed.
    #[error("`{expression}` cannot be evaluated: {detail}")]
    Failed {
        /// As written.
        expression: String,
        /// Why.
        detail: String,
    },
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() { "; nothing is known there".to_owned() } else { format!("; known are {}", known.join(", ")) }
}
