//! Reads the data of the live view.
//!
//! # Theory of operation
//!
//! The reader reads the live runs and their small state files every second. It reads the queue only
//! after a change, and the history only after the queue. For a large queue, a [`Throttle`] reduces
//! the reads to as few as one every 10 s.

mod attempts;
mod history_part;
mod queue_part;
mod runs_part;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use autoproc_domain::ports::LiveRun;
use tokio::time::sleep_until;

use super::snapshot::Snapshot;
use super::throttle::Throttle;
use crate::context::Context;
use crate::error::CliError;
use history_part::HistoryPart;
use queue_part::QueuePart;
use runs_part::RunsPart;

const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The minimum times between two reads of the processing files and of the other files.
const FOLDER_INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(1));

/// Longer than `FOLDER_INTERVALS`, because every open view queries the same server.
const SERVER_INTERVALS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

const HISTORY_INTERVAL: Duration = Duration::from_secs(5);

/// Completes when the queue has changed.
type Change = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) struct Reader<'a> {
    context: &'a Context,
    /// The host name of this machine.
    host: Box<str>,
    filter: String,
    /// Completes after the next change of the queue. `None` if the queue may already have changed.
    change: Option<Change>,
    next_poll: Instant,
    are_processing_stale: bool,
    processing_throttle: Throttle,
    is_queue_stale: bool,
    queue_throttle: Throttle,
    history_throttle: Throttle,
    queue: QueuePart,
    history: HistoryPart,
    is_history_stale: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(context: &'a Context, filter: String) -> Self {
        let now = Instant::now();
        let intervals = if context.wiring.server().is_some() { SERVER_INTERVALS } else { FOLDER_INTERVALS };
        Self {
            context,
            host: context.wiring.location().host,
            filter,
            change: None,
            next_poll: now,
            are_processing_stale: true,
            processing_throttle: Throttle::every(intervals.0, now),
            is_queue_stale: true,
            queue_throttle: Throttle::every(intervals.1, now),
            history_throttle: Throttle::every(HISTORY_INTERVAL, now),
            queue: QueuePart::default(),
            history: HistoryPart::default(),
            is_history_stale: true,
        }
    }

    /// Waits for the next poll and returns a snapshot. Cancel safe: the next call repeats
    /// interrupted reads.
    ///
    /// # Errors
    /// [`CliError`] if the queue or its live runs cannot be read.
    pub(super) async fn next(&mut self) -> Result<Snapshot, CliError> {
        self.wait().await;
        self.next_poll = Instant::now() + POLL_INTERVAL;
        let live = self.context.runs().live().await?;
        self.read_queue().await?;
        let runs = RunsPart::read(&live, self.context);
        self.read_history(&live, &runs).await?;
        self.read_processing().await?;
        Ok(self.snapshot(&live, &runs))
    }

    async fn wait(&mut self) {
        let poll = sleep_until(self.next_poll.into());
        tokio::pin!(poll);
        loop {
            let Some(change) = &mut self.change else { return poll.await };
            tokio::select! {
                () = &mut poll => return,
                () = change => {
                    self.change = None;
                    (self.are_processing_stale, self.is_queue_stale) = (true, true);
                }
            }
        }
    }

    async fn read_queue(&mut self) -> Result<(), CliError> {
        let began = Instant::now();
        if !self.is_queue_stale || !self.queue_throttle.is_due(began) {
            return Ok(());
        }
        self.queue.read(&self.filter, self.context).await?;
        self.queue_throttle.record(began, Instant::now());
        self.is_queue_stale = false;
        self.are_processing_stale = true;
        self.is_history_stale = true;
        self.watch();
        Ok(())
    }

    /// Reads the processing files. Must be called after all other reads of the queue. Marks the
    /// queue as stale after a change, because `Storage::changed` does not report a change that was
    /// already read.
    async fn read_processing(&mut self) -> Result<(), CliError> {
        let began = Instant::now();
        if self.are_processing_stale && self.processing_throttle.is_due(began) {
            self.is_queue_stale |= self.queue.read_processing(self.context).await?;
            self.processing_throttle.record(began, Instant::now());
            self.are_processing_stale = false;
            self.watch();
        }
        Ok(())
    }

    fn watch(&mut self) {
        let storage = self.context.storage();
        self.change.get_or_insert_with(|| Box::pin(async move { storage.changed().await }));
    }

    async fn read_history(&mut self, live: &[LiveRun], runs: &RunsPart) -> Result<(), CliError> {
        let began = Instant::now();
        let is_needed = self.is_history_stale || !live.is_empty();
        if !is_needed || !self.history_throttle.is_due(began) {
            return Ok(());
        }
        if self.is_history_stale {
            self.history.read(self.context).await;
            self.is_history_stale = false;
        }
        self.history.forecast(live, runs, &self.queue, self.context).await?;
        // Computing the forecast may have read a page of the queue. This read may hide changes from
        // `Storage::changed`.
        self.are_processing_stale = true;
        self.history_throttle.record(began, Instant::now());
        // Waits while it watches the processes, which costs nothing.
        self.history.find_delays(live, runs, &self.queue, self.context).await;
        Ok(())
    }

    fn snapshot(&self, live: &[LiveRun], runs: &RunsPart) -> Snapshot {
        let now = self.context.now();
        Snapshot {
            now,
            queue: self.context.queue_in_words(),
            counts: self.queue.counts,
            running: attempts::running(live, runs, &self.queue, &self.history, &self.host, self.context),
            runs: runs.in_sum(live, now, self.context),
            notices: runs.notices(live),
            time_left: self.history.time_left.clone(),
            throughput: self.history.throughput.clone(),
            groups: self.queue.groups.clone(),
            next: self.queue.next.clone(),
        }
    }
}
