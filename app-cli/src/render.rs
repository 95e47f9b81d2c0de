//! Prints views: `human` for a person, `json` for a program.

mod bytes;
pub(crate) mod failure;
mod human;
mod json;
mod time;

use std::io::{self, Write};

pub(crate) trait View {
    /// Prints text for a person.
    fn human(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Prints one JSON document on one line.
    fn json(&self, out: &mut dyn Write) -> io::Result<()>;
}

pub(crate) use time::span;
