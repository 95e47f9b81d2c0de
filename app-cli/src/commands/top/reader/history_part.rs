//! Computes the forecasts and the throughput for `autoproc top`.

use std::collections::{BTreeMap, HashMap};

use autoproc_domain::forecast::Forecast;
use autoproc_domain::ports::LiveRun;
use autoproc_domain::{FilePath, ItemId, QueueItem, RunId};

use super::queue_part::QueuePart;
use super::runs_part::RunsPart;
use crate::commands::status::time_left;
use crate::commands::top::throughput::Throughput;
use crate::context::Context;
use crate::delay::{self, Delay};
use crate::error::CliError;
use crate::forecasting::{RecentAttempts, between, sizes_of};
use crate::view::time::rough_span;

/// The maximum number of attempts per query to the `History` port.
const MAX_ATTEMPTS: usize = 1000;

#[derive(Default)]
pub(super) struct HistoryPart {
    recent: RecentAttempts,
    pub(super) throughput: Throughput,
    /// The forecast time until the run ends, as text. `None` if unknown, or unless exactly one run
    /// is live and is neither paused nor stopping.
    pub(super) time_left: Option<String>,
    /// Items that take much longer than expected, except those of paused runs.
    pub(super) delays: BTreeMap<ItemId, Delay>,
    /// The forecast duration of each processing file, as text.
    pub(super) expected: HashMap<ItemId, String>,
    sizes: HashMap<ItemId, u64>,
}

impl HistoryPart {
    /// Reads the latest attempts. If the history cannot be read, the list becomes empty.
    pub(super) async fn read(&mut self, context: &Context) {
        self.recent = RecentAttempts::read(&*context.wiring.history()).await;
    }

    /// Computes the forecasts and the throughput from the latest attempts.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(super) async fn forecast(
        &mut self,
        live: &[LiveRun],
        runs: &RunsPart,
        queue: &QueuePart,
        context: &Context,
    ) -> Result<(), CliError> {
        self.throughput = self.throughput(live, context);
        self.measure(&queue.processing);
        self.expected = self.expected(live, &queue.processing);
        self.time_left = match (live, &runs.latest, &runs.stop) {
            ([run], Some(state), None) if runs.pauses.is_empty() => {
                time_left::of_run(run, state, queue.counts.waiting(), &self.recent, context).await?
            }
            _ => None,
        }
        .map(|left| time_left::describe(&left));
        Ok(())
    }

    /// Finds the attempts that take much longer than expected.
    pub(super) async fn find_delays(
        &mut self,
        live: &[LiveRun],
        runs: &RunsPart,
        queue: &QueuePart,
        context: &Context,
    ) {
        let now = context.now();
        let mut delays = BTreeMap::new();
        for run in live {
            let running = delay::running(run, &queue.processing, runs.latest.as_ref(), now);
            delays.extend(delay::delays(run, &running, &self.recent, context).await);
        }
        self.delays = delays;
    }

    fn throughput(&self, live: &[LiveRun], context: &Context) -> Throughput {
        let Some(began) = live.iter().map(|run| run.info.started_at).min() else { return Throughput::default() };
        let is_limited = self.recent.len() >= MAX_ATTEMPTS;
        let earliest = self.recent.ends_of_files().min().filter(|_| is_limited);
        let known_since = earliest.map_or(began, |earliest| began.max(earliest));
        Throughput::of(self.recent.ends_of_files(), known_since, context.now())
    }

    fn measure(&mut self, processing: &[QueueItem]) {
        self.sizes.retain(|id, _| processing.iter().any(|item| item.id == *id));
        let new: Vec<_> = processing.iter().filter(|item| !self.sizes.contains_key(&item.id)).collect();
        let sizes = sizes_of(new.iter().map(|item| item.file_path.clone()).collect());
        self.sizes.extend(new.iter().zip(sizes).filter_map(|(item, size)| Some((item.id, size?))));
    }

    fn expected(&self, live: &[LiveRun], processing: &[QueueItem]) -> HashMap<ItemId, String> {
        let forecasts: HashMap<_, _> =
            live.iter().filter_map(|run| Some((&run.info.id, self.forecast_of(run)?))).collect();
        let expected = |item: &QueueItem| {
            let forecast = forecasts.get(&item.claim.as_ref()?.run)?;
            Some((item.id, text(forecast, &item.file_path, self.sizes.get(&item.id).copied()?)?))
        };
        processing.iter().filter_map(expected).collect()
    }

    fn forecast_of(&self, run: &LiveRun) -> Option<Forecast> {
        let id: &RunId = &run.info.id;
        let recipe = self.recent.recipe_of(id).or(run.info.recipe)?;
        Some(self.recent.forecast(recipe, None))
    }
}

fn text(forecast: &Forecast, file_path: &FilePath, size_bytes: u64) -> Option<String> {
    let file = forecast.of_file(file_path, size_bytes).ok()?;
    let range = file.range.as_ref().map_or_else(String::new, |range| between(*range.start(), *range.end()));
    Some(format!("about {}{range}", rough_span(file.about)))
}
