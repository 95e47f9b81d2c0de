//! `run --show-output`: prints the output of each attempt when the attempt ends. Skips attempts
//! whose results are discarded.

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
