//! `queue export`: the whole queue as one document, concurrently with writers.

use crate::context::Context;
use crate::error::CliError;

pub(super) fn export(context: &Context) -> Result<(), CliError> {
    let mut unreadable = None;
    context.console.print_exactly(|out| match context.wiring.export(out) {
        Ok(written) => written,
        Err(error) => {
            unreadable = Some(error);
            Ok(())
        }
    })?;
    unreadable.map_or(Ok(()), |error| Err(error.into()))
}
