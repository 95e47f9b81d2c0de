//! Pauses a run: suspends its commands and prevents new attempts.
//!
//! During a requested pause, the process of the run continues. It obeys stop requests and keeps its
//! leases. The request is a file rather than a signal, because creating a file twice has no effect.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::{BackPressure, StartGate};
use tokio::sync::watch;

use crate::pause_files::PauseFiles;

const POLL_INTERVAL: Duration = Duration::from_millis(200);

const PAUSED: &str = "the run is paused";

/// A reason for a run to be paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseReason {
    /// The request file exists.
    Request,
    /// The process of the run is suspended, for instance by Ctrl-Z.
    Suspension,
}

/// Pauses and resumes the commands of a run. Can be used from any thread.
pub struct PauseSwitch {
    files: PauseFiles,
    pause: Box<dyn Fn() + Send + Sync>,
    resume: Box<dyn Fn() + Send + Sync>,
    reasons: Mutex<Reasons>,
    published: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Reasons {
    is_requested: bool,
    is_suspended: bool,
}

impl Reasons {
    fn set(&mut self, reason: PauseReason, holds: bool) -> bool {
        let flag = match reason {
            PauseReason::Request => &mut self.is_requested,
            PauseReason::Suspension => &mut self.is_suspended,
        };
        std::mem::replace(flag, holds) != holds
    }

    fn any(self) -> bool {
        self.is_requested || self.is_suspended
    }
}

impl PauseSwitch {
    /// Creates a switch for the run with these pause files. The switch calls `pause` when the first
    /// reason begins to hold, and `resume` when no reason holds any more.
    pub fn new(
        files: PauseFiles,
        pause: impl Fn() + Send + Sync + 'static,
        resume: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (pause, resume) = (Box::new(pause), Box::new(resume));
        Self { files, pause, resume, reasons: Mutex::default(), published: watch::Sender::new(false) }
    }

    /// Sets whether a reason holds, and pauses or resumes the run accordingly. Returns false if the
    /// reason did not change.
    pub fn set(&self, reason: PauseReason, holds: bool) -> bool {
        let mut reasons = self.reasons();
        let was_paused = reasons.any();
        let has_changed = reasons.set(reason, holds);
        if was_paused != reasons.any() {
            self.switch(reasons.any());
        }
        has_changed
    }

    /// Ignores errors of the mark file, because it only informs other processes.
    fn switch(&self, is_paused: bool) {
        if is_paused {
            self.published.send_replace(true);
            (self.pause)();
            let _ = self.files.mark();
        } else {
            let _ = self.files.unmark();
            (self.resume)();
            self.published.send_replace(false);
        }
    }

    /// Returns a start gate that is closed while the run is paused. Otherwise, `inner` decides.
    pub fn gate<G: StartGate>(&self, inner: G) -> PausableGate<G> {
        PausableGate { inner, is_paused: self.published.subscribe() }
    }

    /// Ignores poisoning, because a panic leaves no partial update.
    fn reasons(&self) -> MutexGuard<'_, Reasons> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the request file of a run. Dropping the watch removes the pause files of this run and of
/// killed runs.
pub struct PauseWatch {
    switch: Arc<PauseSwitch>,
    /// Dropping this sender ends the thread.
    alive: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PauseWatch {
    /// Starts a thread that watches the request file. The thread calls `on_change` with true after
    /// a pause was requested, and with false after the request was withdrawn.
    ///
    /// # Errors
    /// If the thread cannot be spawned.
    pub fn new(switch: Arc<PauseSwitch>, on_change: impl Fn(bool) + Send + 'static) -> io::Result<Self> {
        let (alive, life) = mpsc::channel::<()>();
        let ours = Arc::clone(&switch);
        let watch = move || {
            while life.recv_timeout(POLL_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                let is_requested = ours.files.is_requested();
                if ours.set(PauseReason::Request, is_requested) {
                    on_change(is_requested);
                }
            }
        };
        let thread = thread::Builder::new().name("pause-file".to_owned()).spawn(watch)?;
        Ok(Self { switch, alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for PauseWatch {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.switch.files.remove();
    }
}

/// A start gate that is closed while its run is paused.
pub struct PausableGate<G> {
    inner: G,
    is_paused: watch::Receiver<bool>,
}

#[async_trait]
impl<G: StartGate> StartGate for PausableGate<G> {
    fn pressure(&self) -> Option<BackPressure> {
        if *self.is_paused.borrow() { Some(BackPressure { reason: PAUSED.into() }) } else { self.inner.pressure() }
    }

    async fn changed_from(&self, before: Option<BackPressure>) {
        let was_paused = before.as_ref().is_some_and(|pressure| *pressure.reason == *PAUSED);
        let mut is_paused = self.is_paused.clone();
        let changed = async {
            // The switch was dropped, so the run is never paused or resumed again.
            if is_paused.wait_for(|now| *now != was_paused).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        if was_paused {
            return changed.await;
        }
        tokio::select! {
            () = changed => {}
            () = self.inner.changed_from(before) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use autoproc_domain::RunId;
    use autoproc_domain::ports::OpenGate;

    use super::*;

    fn recorded() -> (Arc<PauseSwitch>, tempfile::TempDir, mpsc::Receiver<&'static str>) {
        let dir = tempfile::tempdir().expect("a folder");
        let (calls, made) = mpsc::channel();
        let (paused, resumed) = (calls.clone(), calls);
        let files = PauseFiles::of(dir.path(), &RunId::new("r"));
        let switch = PauseSwitch::new(
            files,
            move || paused.send("pause").expect("a receiver"),
            move || resumed.send("resume").expect("a receiver"),
        );
        (Arc::new(switch), dir, made)
    }

    #[test]
    fn a_run_is_paused_while_any_reason_holds() {
        let (switch, _dir, made) = recorded();
        assert!(switch.set(PauseReason::Request, true));
        assert!(!switch.set(PauseReason::Request, true), "nothing changed");
        assert!(switch.set(PauseReason::Suspension, true));
        assert!(switch.set(PauseReason::Suspension, false) && switch.files.is_marked());
        assert_eq!(made.try_iter().collect::<Vec<_>>(), ["pause"]);
        assert!(switch.set(PauseReason::Request, false) && !switch.files.is_marked());
        assert_eq!(made.try_iter().collect::<Vec<_>>(), ["resume"]);
    }

    #[test]
    fn the_watch_follows_the_request_and_removes_the_files() {
        let (switch, dir, made) = recorded();
        let (reports, changed) = mpsc::channel();
        let watch = PauseWatch::new(switch.clone(), move |is_paused| reports.send(is_paused).expect("a receiver"));
        switch.files.request().expect("written");
        assert_eq!((made.recv(), changed.recv()), (Ok("pause"), Ok(true)));
        switch.files.withdraw().expect("removed");
        assert_eq!((made.recv(), changed.recv()), (Ok("resume"), Ok(false)));
        switch.files.request().expect("written");
        assert_eq!((made.recv(), changed.recv()), (Ok("pause"), Ok(true)));
        drop(watch);
        assert_eq!(std::fs::read_dir(dir.path()).expect("the folder").count(), 0);
    }

    #[tokio::test]
    async fn the_gate_is_shut_while_the_run_is_paused() {
        let (switch, _dir, _made) = recorded();
        let gate = switch.gate(OpenGate);
        assert_eq!(gate.pressure(), None);
        switch.set(PauseReason::Request, true);
        gate.changed_from(None).await;
        let pressure = gate.pressure();
        assert!(pressure.is_some());
        let changed = gate.changed_from(pressure);
        tokio::pin!(changed);
        assert!(polled_once(&mut changed).await.is_none(), "the gate is still shut");
        switch.set(PauseReason::Request, false);
        changed.await;
        assert_eq!(gate.pressure(), None);
    }

    async fn polled_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = std::future::ready(()) => None,
        }
    }
}
