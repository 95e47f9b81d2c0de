//! `queue prioritise`: changes the priority of a live item.

use autoproc_domain::request::{Reprioritise, Selector};
use autoproc_domain::{FilePath, Priority};

use crate::context::Context;
use crate::error::CliError;
use crate::view::Reprioritised;

pub(super) async fn prioritise(file: FilePath, priority: Priority, context: &Context) -> Result<(), CliError> {
    let request = Reprioritise { which: Selector::Path(file), priority };
    let item = context.storage().reprioritise(request, context.now()).await?;
    context.show(&Reprioritised(item))
}
