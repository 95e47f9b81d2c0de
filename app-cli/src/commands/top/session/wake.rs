//! Messages from other threads to `autoproc top`.

use std::io;
use std::thread;

use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc::UnboundedSender;

pub(super) enum Wake {
    Terminal(Event),
    /// The process was resumed after a suspension.
    Continued,
    NoKeys(io::Error),
}

/// Starts a thread that sends terminal events.
///
/// # Errors
/// If the thread cannot be started.
pub(super) fn send_keys(to: UnboundedSender<Wake>) -> io::Result<()> {
    let send = move || while send_key(&to) {};
    thread::Builder::new().name("keys".to_owned()).spawn(send).map(drop)
}

fn send_key(to: &UnboundedSender<Wake>) -> bool {
    match event::read() {
        Ok(event) => to.send(Wake::Terminal(event)).is_ok(),
        Err(error) => {
            let _ = to.send(Wake::NoKeys(error));
            false
        }
    }
}
