use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal, StopSignalError};
use autoproc_subprocess::{GuardSettings, Guards, OutputLimits, own_executable};

use crate::stubborn;

/// The argument that makes this program a runner.
pub(crate) const MODE: &str = "be-killed";

/// The grace time. It is short, because the processes ignore SIGTERM, so most attempts use all of
/// it.
pub(crate) const GRACE: Duration = Duration::from_millis(50);

/// Creates a pool whose guards run this program.
pub(crate) fn guards(run: &str, records: &Path) -> Guards {
    Guards::new(GuardSettings {
        executable: own_executable().expect("a program"),
        run: RunId::new(run),
        environment: Vec::new(),
        grace: GRACE,
        records_dir: Some(records.to_owned()),
        output: OutputLimits::default(),
        keep_tmp: None,
    })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs a command until this process is killed.
pub(crate) fn serve(tag: &str, run: &str) {
    let folder = std::env::current_dir().expect("a folder");
    autoproc_subprocess::adopt_orphans();
    let guards = guards(run, &folder);
    // The trial number only decides whether the command has the chain, so any digit of the tag will
    // do.
    let trial = tag.bytes().last().map_or(0, |digit| usize::from(digit - b'0'));
    let ended = runtime().block_on(guards.run(stubborn::spec(trial, tag, false, &folder), &After::never()));
    panic!("the command ended before its runner: {ended:?}");
}

/// A stop signal that requests an abort after this time.
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
