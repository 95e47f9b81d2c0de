//! Ctrl-Z and `fg`: what runs for us stops and goes on with us.
//!
//! # Theory of operation
//!
//! A terminal sends SIGTSTP to its foreground group, and commands that run in groups of their own do not get it. A thread
//! waits for the signal, has the caller pause what it supervises, and then stops the whole process as the signal would
//! have. Whoever continues the process (`fg`, `bg`, SIGCONT) wakes that very thread where it was stopped, and it has the
//! caller resume. So each pause has one resume after it, and a SIGCONT to a process that was not stopped means nothing.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use crate::signals::is_ignored;

/// Pauses and resumes the caller's own affairs when the process is suspended and continued.
///
/// Where whoever started us has SIGTSTP ignored, as a shell without job control does, nothing is listened to. After it was
/// dropped the signal is swallowed, not given its default effect back.
pub struct Suspension {
    signals: Option<Handle>,
    thread: Option<JoinHandle<()>>,
}

impl Suspension {
    /// Listens from now on. Both are called on a thread of their own, and the process stops when `pause` has returned.
    ///
    /// # Errors
    /// Where the system does not let us listen, or has no thread to give.
    pub fn new(pause: impl Fn() + Send + 'static, resume: impl Fn() + Send + 'static) -> io::Result<Self> {
        if is_ignored(SIGTSTP) {
            return Ok(Self { signals: None, thread: None });
        }
        let mut signals = Signals::new([SIGTSTP])?;
        let handle = signals.handle();
        let suspend = move |signal| {
            pause();
            // It returns when the process was continued. Where the system does not let us stop, we go on at once.
            let _ = emulate_default_handler(signal);
            resume();
        };
        let listen = move || signals.forever().for_each(suspend);
        let thread = thread::Builder::new().name("suspension".to_owned()).spawn(listen)?;
        Ok(Self { signals: Some(handle), thread: Some(thread) })
    }
}

impl Drop for Suspension {
    fn drop(&mut self) {
        if let Some(signals) = self.signals.take() {
            signals.close();
        }
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}
