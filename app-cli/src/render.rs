//! How views are said: `human` to a person, `json` to a program.

mod bytes;
pub(crate) mod failure;
mod human;
mod json;
mod time;

use std::io::{self, Write};

/// Something that can be said in both ways.
pub(crate) trait View {
    /// To a person.
    fn human(&self, out: &mut dyn Write) -> io::Result<()>;

    /// To a program: one JSON document in one line.
    fn json(&self, out: &mut dyn Write) -> io::Result<()>;
}

pub(crate) use time::span;
