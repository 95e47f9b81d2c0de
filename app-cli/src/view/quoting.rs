//! Quotes the words of command lines for a shell, if necessary.

/// Returns one word of a command line, quoted if necessary.
pub(crate) fn quoted(word: &str) -> String {
    quoted_unless(word, "_-./:=,+@%")
}

/// Returns one word of a template, quoted if necessary. Placeholders need no quotes.
pub(crate) fn quoted_template(word: &str) -> String {
    quoted_unless(word, "_-./:=,+@%${}")
}

fn quoted_unless(word: &str, plain: &str) -> String {
    if !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || plain.contains(c)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
