//! `run --show-output`: prints the output of each attempt at its end. The standard error of the
//! attempt goes to standard error, everything else to standard output. An attempt whose result is
//! discarded is not printed.

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
