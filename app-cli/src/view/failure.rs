//! Prints the error of an attempt.

use std::fmt;

use autoproc_domain::failure;

use crate::escape::Printable;

const INDENT: &str = "    ";

/// Returns the first line of an error.
pub(crate) fn in_one_line(error: &str) -> Printable<'_> {
    Printable(failure::first_line(error))
}

/// Prints all lines of an error except the first, indented.
pub(crate) struct SaidBefore<'a>(pub(crate) &'a str);

impl fmt::Display for SaidBefore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lines().skip(1).try_for_each(|line| write!(f, "\n{INDENT}{}", Printable(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_stands_alone_and_the_others_below_it() {
        let error = "exit status 1: it is gone\nopening\u{1b}[2J\n\treading";
        assert_eq!(in_one_line(error).to_string(), "exit status 1: it is gone");
        assert_eq!(SaidBefore(error).to_string(), "\n    opening\\u{1b}[2J\n    \\treading");
        assert_eq!(SaidBefore("timed out").to_string(), "");
    }
}
