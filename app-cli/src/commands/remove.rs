//! `queue remove` and `queue clear`.

use autoproc_domain::Status;
use autoproc_domain::request::{Clear, Remove, Selector};

use crate::context::Context;
use crate::error::CliError;
use crate::view::{Cleared, Removed};

pub(super) async fn remove(which: Vec<Selector>, context: &Context) -> Result<(), CliError> {
    let removed = context.storage().remove(Remove(which), context.now()).await?;
    context.show(&Removed(removed))
}

/// Clears every status if none is named. Items being processed always stay.
pub(super) async fn clear(statuses: Vec<Status>, context: &Context) -> Result<(), CliError> {
    let statuses = if statuses.is_empty() { Status::ALL.to_vec() } else { statuses };
    let storage = context.storage();
    let gone = storage.clear(Clear(statuses), context.now()).await?;
    let still_processing = storage.counts().await?.processing;
    if still_processing > 0 {
        context.remark(&format!("{still_processing} being processed stayed"));
    }
    context.show(&Cleared { gone, still_processing })
}
