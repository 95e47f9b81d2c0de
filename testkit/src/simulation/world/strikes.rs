//! How disturbances strike.

use std::time::Duration;

use autoproc_domain::RunId;

use super::super::disturbance::{What, When};
use super::{Actor, RunEnd, World};

impl World {
    /// What is due to happen happens, unless the seed lets something else go first.
    pub(super) fn strike(&mut self) {
        let (now, polls) = (self.clock.elapsed(), self.executor.polls);
        let is_due = |when: When| match when {
            When::At(point) => point <= now,
            When::AfterPolls(count) => count <= polls,
        };
        let due = self.plan.disturbances.iter().position(|disturbance| is_due(disturbance.when));
        if let Some(index) = due.filter(|_| self.plan.random.one_in(2)) {
            let what = self.plan.disturbances.swap_remove(index).what;
            self.happen(&what);
        }
    }

    fn happen(&mut self, what: &What) {
        match *what {
            What::StopFile(level) => {
                self.stop_file.ask(level);
                self.witness.note_stop(None, level);
            }
            What::Signal(level, cause) => {
                if let Some(run) = self.some_run() {
                    self.stops[&run].raise(level, cause);
                    self.witness.note_stop(Some(run), level);
                }
            }
            What::Kill => self.kill(),
            What::Begin => self.begin_run(),
            What::SetClock(seconds) => {
                self.witness.note_clock_was_set();
                let span = Duration::from_secs(seconds.unsigned_abs());
                if seconds < 0 { self.clock.set_back(span) } else { self.clock.set_forward(span) }
            }
            What::Busy(transactions) => self.place.answer_busy(transactions),
            What::Full(span) => self.fill(span),
            What::Hold(span) => self.hold(span),
            What::Blind(span) => self.blind(span),
        }
    }

    fn fill(&mut self, span: Duration) {
        self.place.set_full(true);
        let (place, clock) = (self.place.clone(), self.clock.clone());
        self.executor.start(Actor::Helper, async move {
            clock.sleep(span).await;
            place.set_full(false);
            None
        });
    }

    fn hold(&mut self, span: Duration) {
        self.holds += 1;
        let reason = format!("hold {}", self.holds);
        self.gate.shut(&reason);
        self.witness.note_gate();
        let (gate, clock, witness) = (self.gate.clone(), self.clock.clone(), self.witness.clone());
        self.executor.start(Actor::Helper, async move {
            clock.sleep(span).await;
            gate.open(&reason);
            witness.note_gate();
            None
        });
    }

    fn blind(&mut self, span: Duration) {
        self.blindnesses.update(|lasting| lasting + 1);
        self.orchestrator.set_blind(true);
        let (orchestrator, clock) = (self.orchestrator.clone(), self.clock.clone());
        let (blindnesses, sighted_since) = (self.blindnesses.clone(), self.sighted_since.clone());
        self.executor.start(Actor::Helper, async move {
            clock.sleep(span).await;
            blindnesses.update(|lasting| lasting - 1);
            orchestrator.set_blind(blindnesses.get() > 0);
            sighted_since.set(clock.elapsed());
            None
        });
    }

    fn some_run(&mut self) -> Option<RunId> {
        let runs: Vec<_> = self.executor.tasks.iter().filter_map(|task| task.key.run()).cloned().collect();
        (!runs.is_empty()).then(|| self.plan.random.pick(&runs).clone())
    }

    /// The future goes first: what dies does nothing more, also not with its locks.
    fn kill(&mut self) {
        let Some(run) = self.some_run() else { return };
        self.executor.tasks.retain(|task| task.key.run() != Some(&run));
        self.place.kill(&run);
        self.note_end(run, RunEnd::Killed);
    }
}
