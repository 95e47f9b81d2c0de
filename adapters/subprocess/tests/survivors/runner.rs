//! A pool of guards as a run has one, and the runner that is there to be killed.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal, StopSignalError};
use autoproc_subprocess::{GuardSettings, Guards, OutputLimits, own_executable};

use crate::nasty;

/// What this program is told to become one.
pub(crate) const WORD: &str = "be-killed";

/// Nobody obeys a request to end, so everyone costs all of it.
pub(crate) const GRACE: Duration = Duration::from_millis(50);

/// Guards that are this program.
pub(crate) fn guards(run: &str, records: &Path) -> Guards {
    Guards::new(GuardSettings {
        executable: own_executable().expect("a program"),
        run: RunId::new(run),
        grace: GRACE,
        records_dir: Some(records.to_owned()),
        output: OutputLimits::default(),
        give_back_after: autoproc_subprocess::DEFAULT_GIVE_BACK_AFTER,
    })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs a command until somebody kills us.
pub(crate) fn serve(tag: &str, run: &str) {
    let folder = std::env::current_dir().expect("a folder");
    autoproc_subprocess::adopt_orphans();
    let guards = guards(run, &folder);
    // The last digit of the tag is the trial's: every third gets the chain.
    let trial = tag.bytes().last().map_or(0, usize::from);
    let ended = runtime().block_on(guards.run(nasty::spec(trial, tag, false, &folder), &After::never()));
    panic!("the command ended before its runner: {ended:?}");
}

/// Raises the stop level to aborting after a time.
pub(crate) struct After(Duration);

impl After {
    pub(crate) fn new(time: Duration) -> Self {
        Self(time)
    }

    pub(crate) fn never() -> Self {
        Self(Duration::MAX)
    }
}

#[async_trait]
impl StopSignal for After {
    fn request(&self) -> StopRequest {
        StopRequest::NONE
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        if level >= StopLevel::Aborting {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(self.0).await;
        StopRequest { level: StopLevel::Aborting, cause: Some(StopCause::Interrupt) }
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}
