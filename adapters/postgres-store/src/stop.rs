//! Stores and reports requests to stop runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{LiveRun, StopCause, StopLevel, StopRequest, StopSignal, StopSignalError};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::companion::{Companion, Pace};
use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::column;
use crate::runs::{LOCK_REGISTRY, live_runs};
use crate::work::{AbortOnDrop, Shared, Work};

const REQUEST: &str = include_str!("../sql/stop/request.sql");
const LEVEL: &str = include_str!("../sql/stop/level.sql");

/// Without a notification, a run queries for stop requests after this time. The [`StopSignal`] port
/// allows half a second.
const POLL_INTERVAL: Duration = Duration::from_millis(400);

/// The time limit of a query for stop requests, including the time to connect.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// The runs that a stop request addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopTarget {
    /// Every live run of the queue.
    AllRuns,
    /// The live runs on one host.
    Host(Box<str>),
    /// One run.
    Run(RunId),
}

impl StopTarget {
    /// True if a request with this target addresses the run.
    #[must_use]
    pub fn includes(&self, run: &LiveRun) -> bool {
        match self {
            Self::AllRuns => true,
            Self::Host(host) => run.info.location.host == *host,
            Self::Run(id) => run.info.id == *id,
        }
    }
}

pub(crate) struct Stopping {
    pub(crate) level: StopLevel,
    pub(crate) target: StopTarget,
}

#[async_trait]
impl Work for Stopping {
    type Reply = usize;
    const IS_IDEMPOTENT: bool = true;

    /// Takes the same lock as the registration of a run. A run that began earlier obeys the
    /// request. A later run ignores the request.
    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<usize> {
        let (host, run) = match &self.target {
            StopTarget::AllRuns => (None, None),
            StopTarget::Host(host) => (Some(&**host), None),
            StopTarget::Run(run) => (None, Some(run.as_str())),
        };
        let mut transaction = connection.begin().await?;
        transaction.execute(LOCK_REGISTRY, &[]).await?;
        let addressed = live_runs(&mut transaction).await?.iter().filter(|run| self.target.includes(run)).count();
        if let Some(level) = level_number(self.level) {
            transaction.execute(REQUEST, &[&level, &host, &run]).await?;
            shared.notices.send(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(addressed)
    }
}

fn level_number(level: StopLevel) -> Option<i16> {
    let number = StopLevel::ALL.iter().position(|known| *known == level)?;
    i16::try_from(number).ok().filter(|number| *number > 0)
}

/// The stop signal of one run. It reports the stop requests that were made after the run began.
///
/// A notification tells the run about a request. If the notification is lost, the run finds the
/// request within about 0.4 s. No request arrives while the server is unreachable. After the store
/// is dropped, the signal keeps its last value.
pub struct PostgresStopSignal {
    state: watch::Receiver<StopRequest>,
    _watching: AbortOnDrop,
}

impl PostgresStopSignal {
    pub(crate) fn new(state: watch::Receiver<StopRequest>, watching: AbortOnDrop) -> Self {
        Self { state, _watching: watching }
    }
}

#[async_trait]
impl StopSignal for PostgresStopSignal {
    fn request(&self) -> StopRequest {
        *self.state.borrow()
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        let mut state = self.state.clone();
        let raised = state.wait_for(|request| request.level > level).await.map(|request| *request);
        match raised {
            Ok(request) => request,
            Err(_) => std::future::pending().await,
        }
    }

    /// Does nothing. A run ignores requests older than the run.
    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}

/// Sends the stop requests for `run` to `state`. Limits the query rate, because lease renewals use
/// the same connection.
pub(crate) async fn watch(companion: Arc<Companion>, run: RunId, state: watch::Sender<StopRequest>) {
    let mut changes = companion.subscribe();
    let pace = Pace::default();
    loop {
        pace.wait().await;
        // After a failure, the next query connects again.
        if let Ok(Ok(level)) = timeout(LOOK_TIMEOUT, requested_level(&companion, &run)).await {
            state.send_if_modified(|request| rise(request, level));
        }
        // A timeout has the same effect as a notification.
        let _ = timeout(POLL_INTERVAL, changes.changed()).await;
    }
}

fn rise(request: &mut StopRequest, level: StopLevel) -> bool {
    let is_higher = level > request.level;
    if is_higher {
        *request = StopRequest { level, cause: Some(StopCause::Command) };
    }
    is_higher
}

async fn requested_level(companion: &Companion, run: &RunId) -> Answer<StopLevel> {
    let rows = companion.link().await?.query(LEVEL, &[&run.as_str()]).await?;
    let level: i16 = rows.first().map_or(Ok(0), |row| column(row, "level"))?;
    let known = usize::try_from(level).ok().and_then(|level| StopLevel::ALL.get(level));
    Ok(known.copied().unwrap_or(StopLevel::Running))
}
