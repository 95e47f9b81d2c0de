//! Pauses commands while this process is suspended (Ctrl-Z).
//!
//! # Theory of operation
//!
//! At Ctrl-Z, a terminal sends SIGTSTP to its foreground process group. Commands are in other
//! process groups and do not receive the signal. A thread receives it, calls `pause`, and then
//! stops this process. After SIGCONT, the thread calls `resume`.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use crate::signals::is_ignored;

/// Calls functions when this process is suspended and when it is continued.
///
/// If the parent process ignored SIGTSTP, as a shell without job control does, the signal stays
/// ignored and no function is called. After the value is dropped, SIGTSTP is ignored, because its
/// default action is not restored.
pub struct Suspension {
    signals: Option<Handle>,
    thread: Option<JoinHandle<()>>,
}

impl Suspension {
    /// Starts to wait for SIGTSTP. `pause` and `resume` run on a separate thread; the process stops
    /// once `pause` has returned.
    ///
    /// # Errors
    /// If the handler cannot be installed or the thread cannot be spawned.
    pub fn new(pause: impl Fn() + Send + 'static, resume: impl Fn() + Send + 'static) -> io::Result<Self> {
        if is_ignored(SIGTSTP) {
            return Ok(Self { signals: None, thread: None });
        }
        let mut signals = Signals::new([SIGTSTP])?;
        let handle = signals.handle();
        let suspend = move |signal| {
            pause();
            // Returns when the process is continued, or immediately if it cannot be stopped.
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
            let _ = thread.join();
        }
    }
}
