//! An event as a row of the table `event`.

use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{PastEnd, ResourceUsage, RunEvent, RunEventKind};

use super::past_rows::ENDS;
use crate::item_row::{bigint, escaped, recipe_bytes};
use crate::lease::micros;

// The values of the column `figure`, which says what counter of the run an event increments.
pub(crate) const COMPLETED: i16 = 1;
pub(crate) const RETRIED: i16 = 2;
pub(crate) const FAILED: i16 = 3;

#[derive(Default)]
pub(super) struct EventRow<'e> {
    pub(super) at_us: i64,
    pub(super) run: &'e str,
    pub(super) name: &'static str,
    pub(super) item: Option<i64>,
    pub(super) path: Option<&'e [u8]>,
    pub(super) round: Option<i64>,
    pub(super) attempt: Option<i64>,
    pub(super) claim: Option<i64>,
    pub(super) attempt_run: Option<&'e str>,
    pub(super) ending: Option<i16>,
    pub(super) figure: Option<i16>,
    pub(super) elapsed_us: Option<i64>,
    pub(super) usage: Option<ResourceUsage>,
    pub(super) input_changed: bool,
    pub(super) size_bytes: Option<i64>,
    pub(super) recipe: Option<Vec<u8>>,
    pub(super) reason: Option<Cow<'e, str>>,
    /// The counts of completed files, failed files and retries.
    pub(super) totals: Option<[i64; 3]>,
    pub(super) stopped_by: Option<&'static str>,
    pub(super) stop: Option<[&'static str; 2]>,
}

pub(crate) fn ending_number(end: PastEnd) -> Option<i16> {
    ENDS.iter().position(|known| *known == end).and_then(|number| i16::try_from(number).ok())
}

impl<'e> EventRow<'e> {
    pub(super) fn of(event: &'e RunEvent) -> Self {
        let (of, run) = (event.kind.attempt(), event.run.as_str());
        let row = Self {
            at_us: event.at.as_micros(),
            run,
            name: event.kind.name(),
            item: of.map(|of| bigint(of.id.get())),
            path: of.map(|of| of.file_path.as_os_str().as_bytes()),
            round: of.map(|of| i64::from(of.round)),
            attempt: of.map(|of| i64::from(of.attempt.get())),
            claim: of.and_then(|of| of.claim).map(|claim| bigint(ClaimNumber::get(claim))),
            attempt_run: of.map(|_| run),
            ..Self::default()
        };
        row.with(&event.kind)
    }

    fn with(self, kind: &'e RunEventKind) -> Self {
        use RunEventKind as Kind;
        match kind {
            Kind::FileStarted { size_bytes, recipe, .. } => {
                Self { size_bytes: size_bytes.map(u64::cast_signed), recipe: recipe.map(recipe_bytes), ..self }
            }
            Kind::FileCompleted { elapsed, usage, input_changed, .. } => {
                self.ended(PastEnd::Completed, COMPLETED).measured(*elapsed, *usage, *input_changed)
            }
            Kind::FileRequeued { elapsed, usage, input_changed, error, .. } => {
                self.ended(PastEnd::Requeued, RETRIED).measured(*elapsed, *usage, *input_changed).because(error)
            }
            Kind::FileFailed { elapsed, usage, input_changed, error, .. } => {
                self.ended(PastEnd::Failed, FAILED).measured(*elapsed, *usage, *input_changed).because(error)
            }
            Kind::FileTimeout { elapsed, usage, input_changed, error, .. } => {
                self.ended(PastEnd::Timeout, FAILED).measured(*elapsed, *usage, *input_changed).because(error)
            }
            Kind::FileReleased { elapsed, usage, input_changed, .. } => {
                self.ended(PastEnd::Released, None).measured(*elapsed, *usage, *input_changed)
            }
            Kind::FileRecovered { dead_run, requeued, .. } => self.recovered(dead_run, *requeued),
            Kind::ResultDiscarded { .. } => self.ended(PastEnd::Discarded, None),
            Kind::RecoveryWithheld { reason, .. } | Kind::StartsHeld { reason, .. } => self.because(reason),
            Kind::StorageTrouble { error } => self.because(error),
            Kind::StopRequested { level, cause } => Self { stop: Some([level.word(), cause.word()]), ..self },
            Kind::ProcessorStopped { result } => Self {
                totals: Some([result.processed, result.failed, result.retried].map(bigint)),
                stopped_by: Some(result.stopped_by.word()),
                ..self
            },
            Kind::ProcessorStarted { .. }
            | Kind::StopSignalCleared
            | Kind::StartsResumed { .. }
            | Kind::ProcessorPaused
            | Kind::ProcessorResumed
            | Kind::Progress { .. } => self,
        }
    }

    fn ended(self, end: PastEnd, figure: impl Into<Option<i16>>) -> Self {
        Self { ending: ending_number(end), figure: figure.into(), ..self }
    }

    fn recovered(self, dead_run: &'e RunId, requeued: bool) -> Self {
        let figure = (!requeued).then_some(FAILED);
        Self { attempt_run: Some(dead_run.as_str()), ..self.ended(PastEnd::Died, figure) }
    }

    fn measured(self, elapsed: Duration, usage: Option<ResourceUsage>, input_changed: bool) -> Self {
        Self { elapsed_us: Some(micros(elapsed)), usage, input_changed, ..self }
    }

    fn because(self, reason: &'e str) -> Self {
        let needs_escape = reason.contains(['\\', '\0']);
        Self { reason: Some(if needs_escape { escaped(reason).into() } else { reason.into() }), ..self }
    }
}
