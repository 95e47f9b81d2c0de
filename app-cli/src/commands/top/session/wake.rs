//! Messages from other threads to the view.

use std::io;
use std::thread;

use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc::UnboundedSender;

pub(super) enum Wake {
    Terminal(Event),
    /// The process was resumed after a suspension.
    Continued,
    /// The keys cannot be read because of this error.
    NoKeys(io::Error),
}

/// Starts a thread that sends key presses, mouse events and size changes of the terminal. The
/// thread ends if the receiver is closed or an event cannot be read.
///
/// # Errors
/// If the thread cannot be started.
pub(super) fn send_keys(to: UnboundedSender<Wake>) -> io::Result<()> {
    let send = move || while send_key(&to) {};
    thread::Builder::new().name("keys".to_owned()).spawn(send).map(drop)
}

/// Waits for a terminal event and sends it. Returns false if no more events can follow.
fn send_key(to: &UnboundedSender<Wake>) -> bool {
    match event::read() {
        Ok(event) => to.send(Wake::Terminal(event)).is_ok(),
        Err(error) => {
            let _ = to.send(Wake::NoKeys(error));
            false
        }
    }
}
