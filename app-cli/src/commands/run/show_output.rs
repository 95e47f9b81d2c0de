//! Prints the output of each ended attempt for `--show-output`.

use std::sync::Arc;

use autoproc_domain::ports::{Observer, RunEvent, RunEventKind};

use super::printing::Printing;

pub(super) struct ShowOutput(pub(super) Arc<Printing>);

impl Observer for ShowOutput {
    fn observe(&self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::FileCompleted { of, .. }
            | RunEventKind::FileRequeued { of, .. }
            | RunEventKind::FileFailed { of, .. }
            | RunEventKind::FileTimeout { of, .. }
            | RunEventKind::FileReleased { of, .. } => self.0.show_output(of),
            _ => {}
        }
    }
}
