use crate::nearest::list_known;

/// The reason why the value of an expression is missing or unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpressionError {
    #[error("`{expression}` is not an expression: {detail}")]
    Syntax { expression: String, detail: String },
    #[error("`{text}` has a `${{` without its `}}`; write `$${{` for a literal `${{`")]
    Unclosed {
        /// The text from the unclosed `${` on, shortened.
        text: String,
    },
    #[error("unknown name `{name}`{}", known_names(.known))]
    UnknownName {
        /// The unknown name and the names before it, as in `phase_1.entities`.
        name: String,
        known: Vec<String>,
    },
    #[error("`${{{expression}}}` has no value; give it one, or write `${{{expression} or ''}}` if it may be empty")]
    NoValue { expression: String },
    #[error("`${{{expression}}}` contains a NUL character, which cannot be passed to a process")]
    Nul { expression: String },
    #[error("the text is longer than {limit} bytes; let the step read it from a file")]
    TooLong { limit: usize },
    #[error("`{expression}` cannot be evaluated: {detail}")]
    Failed { expression: String, detail: String },
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        "; the value before the last dot has no names".to_owned()
    } else {
        format!("; {}", list_known("names", known))
    }
}
