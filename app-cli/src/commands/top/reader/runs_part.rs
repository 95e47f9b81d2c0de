//! Reads the state of the live runs for `autoproc top`.

use std::collections::{BTreeMap, BTreeSet};

use autoproc_domain::ports::LiveRun;
use autoproc_domain::{ProcessorState, RunId, Timestamp};
use autoproc_system::StandingStop;

use crate::commands::status::{effect, ending, figures::obeying};
use crate::commands::top::snapshot::{Done, RunsNow};
use crate::context::Context;
use crate::escape::Printable;
use crate::wiring::Pause;

pub(super) struct RunsPart {
    /// The state of the latest run in this folder, live or ended.
    pub(super) latest: Option<ProcessorState>,
    pub(super) pauses: BTreeMap<RunId, Pause>,
    pub(super) stop: Option<StandingStop>,
}

impl RunsPart {
    /// Reads the state, the pauses and the stop request. Ignores unreadable files.
    pub(super) fn read(live: &[LiveRun], context: &Context) -> Self {
        Self {
            latest: context.wiring.processor_state().ok().flatten(),
            pauses: context.wiring.run_control().pauses(live),
            stop: context.wiring.standing_stop(),
        }
    }

    /// Returns the state of `run`, if `run` is the latest run in this folder.
    pub(super) fn state_of(&self, run: &LiveRun) -> Option<&ProcessorState> {
        self.latest.as_ref().filter(|latest| latest.run_id.as_ref() == Some(&run.info.id))
    }

    /// Summarises the live runs.
    pub(super) fn in_sum(&self, live: &[LiveRun], now: Timestamp, context: &Context) -> RunsNow {
        let Some(began) = live.iter().map(|run| run.info.started_at).min() else {
            let latest =
                self.latest.as_ref().map_or_else(String::new, |latest| format!("; the latest {}", ending(latest)));
            return RunsNow::None(format!("no run is live{latest}"));
        };
        RunsNow::Live {
            runs: live.len(),
            machines: live.iter().map(|run| &run.info.location.host).collect::<BTreeSet<_>>().len(),
            jobs: live.iter().map(|run| run.info.jobs).sum(),
            elapsed: now.saturating_since(began),
            done: self.done(live, context),
        }
    }

    fn done(&self, live: &[LiveRun], context: &Context) -> Option<Done> {
        let [run] = live else { return None };
        let state = self.state_of(run)?;
        let remaining = context.wiring.monitor().ok().flatten()?.estimated_remaining_files;
        let ended = state.files_processed + state.files_failed;
        Some(Done { ended, total: ended.saturating_add(remaining) })
    }

    /// Returns the reasons why files wait. Ignores the state of a run that is not live, because a
    /// killed run leaves its state file behind.
    pub(super) fn notices(&self, live: &[LiveRun]) -> Vec<String> {
        let state = live.iter().find_map(|run| self.state_of(run));
        let stop = match (state.and_then(|state| state.stop), &self.stop) {
            (Some(stop), _) => Some(obeying(&stop)),
            (None, Some(stop)) => Some(format!("a stop is requested{}", effect(stop.level, !live.is_empty()))),
            (None, None) => None,
        };
        let paused = (!self.pauses.is_empty()).then(|| "paused: `autoproc resume` continues the run".to_owned());
        let held = state.and_then(|state| state.pressure.as_deref());
        let held = held.map(|reason| format!("not starting new files: {}", Printable(reason)));
        [stop, paused, held].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use autoproc_domain::ports::StopLevel;
    use autoproc_domain::run_info::{Location, RunInfo};

    use super::*;

    fn live(id: &str) -> LiveRun {
        let location = Location {
            host: "here".into(),
            boot: "".into(),
            pid_namespace: "".into(),
            pid: 1,
            project: Path::new("/project").into(),
        };
        let info = RunInfo {
            id: RunId::new(id),
            started_at: Timestamp::from_micros(0),
            jobs: 1,
            max_attempts: 4,
            timeout: Duration::from_secs(300),
            recipe: None,
            work: None,
            location,
        };
        LiveRun { info, heard_of: None }
    }

    #[test]
    fn a_killed_run_has_no_notices() {
        let run_id = Some(RunId::new("run"));
        let latest = ProcessorState { run_id, pressure: Some("no space".into()), ..ProcessorState::default() };
        let runs = RunsPart { latest: Some(latest), pauses: BTreeMap::new(), stop: None };
        assert_eq!(runs.notices(&[live("run")]), ["not starting new files: no space"]);
        assert!(runs.notices(&[]).is_empty() && runs.notices(&[live("other")]).is_empty());
    }

    #[test]
    fn a_stop_request_has_no_effect_without_a_run() {
        let stop = Some(StandingStop { level: StopLevel::Aborting, since: None });
        let runs = RunsPart { latest: None, pauses: BTreeMap::new(), stop };
        assert_eq!(runs.notices(&[live("run")]), ["a stop is requested: live runs end the current attempts"]);
        assert_eq!(runs.notices(&[]), ["a stop is requested; the next run discards the request"]);
    }
}
