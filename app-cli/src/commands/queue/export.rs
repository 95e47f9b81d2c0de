//! `queue export`: prints the whole queue as one JSON document.

use crate::context::Context;
use crate::error::CliError;
use crate::maintenance::{ExportError, Maintenance};

pub(super) fn export(context: &Context) -> Result<(), CliError> {
    context.remark_on_missing_queue();
    let maintenance = context.wiring.maintenance();
    let mut read = Ok(());
    context.console.print_exactly(|out| match maintenance.export(out) {
        Ok(()) => Ok(()),
        Err(ExportError::Write(error)) => Err(error),
        Err(ExportError::Read(error)) => {
            read = Err(error);
            Ok(())
        }
    })?;
    Ok(read?)
}
