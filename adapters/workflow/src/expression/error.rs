/// An expression has no value, or none that can be used in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpressionError {
    #[error("`{expression}` is no expression: {detail}")]
    Syntax { expression: String, detail: String },
    #[error("`{text}` has a `${{` without its `}}`; write `$${{` where `${{` itself is meant")]
    Unclosed {
        /// The text from the `${` on.
        text: String,
    },
    #[error("unknown name `{name}`{}", known_names(.known))]
    UnknownName {
        /// With its known beginning: `phase_1.entities`.
        name: String,
        /// The known names there, the most similar first; not all if there are many.
        known: Vec<String>,
    },
    #[error("`${{{expression}}}` has no value; give it one, or write `${{{expression} or ''}}` where it may be empty")]
    NoValue { expression: String },
    #[error("`${{{expression}}}` holds a NUL character, which no process can be given")]
    Nul { expression: String },
    #[error("the text is longer than {limit} bytes; let the step read it from a file")]
    TooLong { limit: usize },
    #[error("`{expression}` cannot be evaluated: {detail}")]
    Failed { expression: String, detail: String },
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        "; no names are available here".to_owned()
    } else {
        format!("; known are {}", known.join(", "))
    }
}
