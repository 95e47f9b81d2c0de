//! Prints the output of attempts on a separate thread.
//!
//! A slow reader of standard output, such as a pager, does not delay the run. At its end, the run
//! waits until all output is printed. A stopped run waits only briefly.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{AttemptRef, StopLevel, StopSignal};
use autoproc_subprocess::{AttemptLogs, Source, Stream};
use tokio::sync::oneshot;

use crate::attempt_output::{AttemptOutput, unreadable};
use crate::console::Console;
use crate::error::CliError;
use crate::escape::Shown;

/// The maximum time that a stopped run waits for its output to be printed.
const STOPPED_TIMEOUT: Duration = Duration::from_secs(2);

enum Job {
    Output(AttemptRef),
    Text(Vec<u8>),
}

pub(super) struct Printing {
    console: Arc<Console>,
    /// The channel to the printing thread. It is unbounded, because each job is small.
    jobs: Mutex<Option<Sender<Job>>>,
    done: Mutex<Option<oneshot::Receiver<Result<(), CliError>>>>,
}

impl Printing {
    pub(super) fn start(console: Arc<Console>, attempts: AttemptLogs) -> Result<Arc<Self>, CliError> {
        let ((jobs, received), (finished, done)) = (mpsc::channel(), oneshot::channel());
        let screen = console.clone();
        let print_all = move || {
            let mut outcome = Ok(());
            for job in received {
                match job {
                    Job::Output(of) => show(&of, &attempts, &screen),
                    Job::Text(text) => outcome = screen.print_exactly(|out| out.write_all(&text)).map(drop),
                }
            }
            // Sending fails only if the run no longer waits.
            let _ = finished.send(outcome);
        };
        let started = thread::Builder::new().name("printing".to_owned()).spawn(print_all);
        started.map_err(|error| CliError::io("cannot start a thread", &error))?;
        Ok(Arc::new(Self { console, jobs: Mutex::new(Some(jobs)), done: Mutex::new(Some(done)) }))
    }

    /// Queues the output of an attempt for printing. Does not wait.
    pub(super) fn show_output(&self, of: &AttemptRef) {
        self.send(Job::Output(of.clone()));
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &*self.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
            // Sending fails only if the thread has panicked.
            let _ = jobs.send(job);
        }
    }

    /// Prints `text` after all queued output. Waits at most `STOPPED_TIMEOUT` after a stop request.
    ///
    /// # Errors
    /// [`CliError`] if `text` cannot be written. A closed standard output is not an error.
    pub(super) async fn end(&self, text: Vec<u8>, was_stopped: bool, stop: &dyn StopSignal) -> Result<(), CliError> {
        self.send(Job::Text(text));
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(done) = done else { return Ok(()) };
        tokio::select! {
            biased;
            // If the thread has panicked, there is nothing to wait for.
            outcome = done => outcome.unwrap_or(Ok(())),
            () = stopped(was_stopped, stop) => {
                self.console.abandon_prints();
                self.console.warn("the rest of the output is not printed, because its reader is too slow");
                Ok(())
            }
        }
    }
}

async fn stopped(was_stopped: bool, stop: &dyn StopSignal) {
    if !was_stopped && stop.request().level == StopLevel::Running {
        stop.raised_above(StopLevel::Running).await;
    }
    tokio::time::sleep(STOPPED_TIMEOUT).await;
}

fn show(of: &AttemptRef, attempts: &AttemptLogs, console: &Console) {
    if let Err(error) = print(of, attempts, console) {
        let file = Shown(of.file_path.as_path());
        console.warn(format_args!("cannot show the output of {file}: {}", error.message()));
    }
}

fn print(of: &AttemptRef, attempts: &AttemptLogs, console: &Console) -> Result<(), CliError> {
    let Some(number) = of.claim else { return Ok(()) };
    let log = attempts.log_of(ClaimToken { item: of.id, number }, of.attempt);
    let (streams, mut rest) = (log.streams(), log.read().map_err(|error| unreadable(&log, &error))?);
    let mut out = AttemptOutput::to(Stream::Stdout, console);
    let mut err = AttemptOutput::to(Stream::Stderr, console);
    loop {
        let chunk = rest.next_chunk().map_err(|error| unreadable(&log, &error))?;
        if chunk.bytes.is_empty() {
            break;
        }
        for piece in streams.split(&chunk).map_err(|error| unreadable(&log, &error))? {
            let to = if piece.source == Source::Stream(Stream::Stderr) { &mut err } else { &mut out };
            to.print(piece.bytes)?;
        }
    }
    out.finish()?;
    err.finish().map(|_| ())
}
