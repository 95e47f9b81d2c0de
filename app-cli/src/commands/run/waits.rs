//! Shows the files that wait for a retry, if no file is due when a run begins.

use autoproc_domain::request::Scope;
use autoproc_domain::{ItemId, QueueItem, Status, Timestamp};

use super::live::Live;
use crate::context::Context;
use crate::error::CliError;
use crate::view::time::Zone;

/// Files that wait for a retry, with their due times. Empty if a file is already due, or is being
/// processed.
#[derive(Debug, Default)]
pub(super) struct Waits(Vec<(ItemId, Timestamp)>);

impl Waits {
    pub(super) async fn of(scope: &Scope, context: &Context) -> Result<Self, CliError> {
        let now = context.now();
        if *scope == Scope::Queue && context.storage().peek(now).await?.is_some() {
            return Ok(Self::default());
        }
        let (mut waits, mut is_due) = (Vec::new(), false);
        let add = |item: QueueItem| match item.not_before().filter(|due| *due > now) {
            _ if item.is_held || !scope.contains(item.id) => {}
            Some(due) if item.is_waiting() => waits.push((item.id, due)),
            // A file that is being processed may become due, if its run has died.
            _ => is_due = true,
        };
        context.each_item(&[Status::Pending, Status::Processing], add).await?;
        Ok(if is_due { Self::default() } else { Self(waits) })
    }

    pub(super) fn show(self, live: Option<&Live>, context: &Context) {
        let Some(first) = self.0.iter().map(|(_, due)| *due).min() else { return };
        let first = Zone::current().time_after(context.now(), first);
        context.console.say(match self.0.len() {
            1 => format!("nothing is due yet: 1 file waits for a retry until {first}"),
            count => format!("nothing is due yet: {count} files wait for a retry, the first until {first}"),
        });
        if let Some(live) = live {
            live.set_waits(self.0);
        }
    }
}
