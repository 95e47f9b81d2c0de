//! `queue size`: prints the number of pending files.

use std::io::{self, Write};

use autoproc_domain::request::Scope;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::view::View;
use crate::view::screen::Screen;

pub(super) async fn size(context: &Context) -> Result<(), CliError> {
    context.remark_on_missing_queue();
    context.show(&Size { size: context.storage().counts(Scope::Queue).await?.pending })
}

#[derive(Serialize)]
struct Size {
    size: usize,
}

impl View for Size {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        writeln!(out, "{}", self.size)
    }

    fn document(&self) -> impl Serialize {
        self
    }
}
