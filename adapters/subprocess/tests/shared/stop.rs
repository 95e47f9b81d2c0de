use async_trait::async_trait;
use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal, StopSignalError};
use tokio::sync::watch;

pub(crate) struct Stop(watch::Sender<StopLevel>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(StopLevel::Running))
    }

    pub(crate) fn raise(&self, level: StopLevel) {
        self.0.send_replace(level);
    }
}

pub(crate) fn request(level: StopLevel) -> StopRequest {
    StopRequest { level, cause: (level > StopLevel::Running).then_some(StopCause::Interrupt) }
}

#[async_trait]
impl StopSignal for Stop {
    fn request(&self) -> StopRequest {
        request(*self.0.borrow())
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        let mut levels = self.0.subscribe();
        request(*levels.wait_for(|now| *now > level).await.expect("the sender lives"))
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}
