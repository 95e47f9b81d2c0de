//! Merges stop requests from signals and from the database.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use autoproc_domain::ports::{StopLevel, StopRequest, StopSignal, StopSignalError};

/// Combines two sources of stop requests. `request` returns the more urgent request.
pub(super) struct StopSignals {
    pub(super) signals: Arc<dyn StopSignal>,
    pub(super) requests: Arc<dyn StopSignal>,
}

#[async_trait]
impl StopSignal for StopSignals {
    fn request(&self) -> StopRequest {
        let (signal, request) = (self.signals.request(), self.requests.request());
        if request.level > signal.level { request } else { signal }
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        let mut sources = [self.signals.raised_above(level), self.requests.raised_above(level)];
        poll_fn(|context| {
            let mut raised = sources.iter_mut().map(|source| source.as_mut().poll(context));
            raised.find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        let (signals, requests) = (self.signals.clear().await?, self.requests.clear().await?);
        Ok(signals || requests)
    }
}
