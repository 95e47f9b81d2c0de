//! The live view of a run on a terminal.
//!
//! # Theory of operation
//!
//! Each event of the run updates the state of the view under a short lock. A separate thread draws
//! the state four times a second. The run therefore never waits for the terminal.

mod board;
mod frame;
mod steps;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::forecast::Forecast;
use autoproc_domain::ports::{Clock, RunEvent, RunEventKind};
use autoproc_domain::{FilePath, ItemId, Timestamp};
use autoproc_subprocess::fingerprint_of;
use autoproc_workflow::execution::Executions;

use super::run_clock::RunClock;
use crate::console::Console;
use crate::view::time::Zone;
use crate::wiring::OnSuspension;
use board::Board;
use frame::{Terminal, frame};
use steps::Steps;

const TICK: Duration = Duration::from_millis(250);

/// A longer wait between two drawings probably means that SIGSTOP suspended the process. Such a
/// wait does not count as time of the run.
const SUSPENSION_THRESHOLD: Duration = Duration::from_secs(10);

const MEASURED_AT_ONCE: usize = 500;

pub(super) struct Live {
    console: Arc<Console>,
    clock: RunClock,
    time_of_day: Arc<dyn Clock>,
    zone: Zone,
    board: Mutex<Board>,
    executions: Option<Executions>,
}

/// Dropping the ticker ends the drawing of the live view.
pub(super) struct Ticker {
    _end: Sender<()>,
}

impl Live {
    pub(super) fn new(
        console: Arc<Console>,
        time_of_day: Arc<dyn Clock>,
        max_attempts: u32,
        executions: Option<Executions>,
    ) -> Self {
        Self {
            console,
            clock: RunClock::start(Instant::now()),
            time_of_day,
            zone: Zone::current(),
            board: Mutex::new(Board::new(max_attempts)),
            executions,
        }
    }

    /// Draws the live view until the returned ticker is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Ticker {
        self.console.attach();
        let (sender, receiver) = channel();
        let live = self.clone();
        let draw = move || live.draw_until(&receiver);
        let _ = thread::Builder::new().name("live view".to_owned()).spawn(draw);
        Ticker { _end: sender }
    }

    pub(super) fn set_waits(&self, waits: Vec<(ItemId, Timestamp)>) {
        self.lock().set_waits(waits);
    }

    pub(super) fn foresee(self: &Arc<Self>, files: Vec<(ItemId, FilePath)>, earlier: Forecast) {
        let mut board = self.lock();
        board.learn(earlier);
        board.expect(files.iter().cloned());
        drop(board);
        let live = self.clone();
        let measure = move || {
            for files in files.chunks(MEASURED_AT_ONCE) {
                let size = |(id, path): &(ItemId, FilePath)| Some((*id, fingerprint_of(path.as_path())?.size));
                let sizes = files.iter().filter_map(size).collect();
                live.lock().measure(&sizes);
            }
        };
        let _ = thread::Builder::new().name("file sizes".to_owned()).spawn(measure);
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn apply(&self, event: &RunEvent) {
        match event.kind {
            RunEventKind::ProcessorPaused => self.clock.pause(Instant::now()),
            RunEventKind::ProcessorResumed => self.clock.resume(Instant::now()),
            _ => {}
        }
        let now = self.clock.elapsed(Instant::now());
        self.lock().apply(event, now);
    }

    fn draw_until(&self, end: &Receiver<()>) {
        let mut steps = self.executions.clone().map(Steps::new);
        loop {
            let before = self.clock.elapsed(Instant::now());
            if end.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let slept = self.clock.elapsed(Instant::now()).saturating_sub(before);
            if slept > SUSPENSION_THRESHOLD {
                self.clock.skip(slept);
            }
            self.console.draw(self.lines(steps.as_mut(), self.time_of_day.now()));
        }
    }

    fn lines(&self, steps: Option<&mut Steps>, now: Timestamp) -> Vec<String> {
        let layout = self.console.err();
        let terminal = Terminal { layout: &layout, size: Console::err_size(), zone: &self.zone, now };
        let elapsed = self.clock.elapsed(Instant::now());
        let mut board = self.lock();
        let mut picture = board.picture(terminal.running_rows(), elapsed, now);
        drop(board);
        if let Some(steps) = steps {
            steps.add_to(&mut picture.running, Instant::now(), now);
        }
        frame(&picture, &terminal)
    }
}

impl OnSuspension for Live {
    fn suspending(&self) {
        self.clock.pause(Instant::now());
        self.console.conceal();
    }

    fn resumed(&self) {
        if !self.lock().is_paused() {
            self.clock.resume(Instant::now());
        }
        self.console.reveal();
    }
}
