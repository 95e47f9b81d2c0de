//! The thread on which the store blocks: locks, reads, writes, syncs.
//!
//! Requests that arrive while a sync is under way wait in the channel and then go into one write together, so that many
//! callers cost one sync and not one each.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use autoproc_domain::ports::StorageError;
use tokio::sync::oneshot;

use crate::disk::Disk;
use crate::engine::{Change, Engine};

/// How often the files are looked at while somebody waits for a change of them: well within the half second in which the
/// port promises to notice, and four system calls a second cost nothing.
const POLL: Duration = Duration::from_millis(200);

type Task<D> = Box<dyn FnOnce(&mut Engine<D>) + Send>;

enum Message<D: Disk> {
    Change(Box<dyn Change>),
    Task(Task<D>),
    /// Tell when somebody else has changed the store.
    Watch(oneshot::Sender<()>),
}

/// The thread, as its owner holds it. Dropping it ends the thread, after what was asked of it is done.
pub(crate) struct Worker<D: Disk> {
    sender: Option<Sender<Message<D>>>,
    thread: Option<JoinHandle<()>>,
}

impl<D: Disk> Worker<D> {
    pub(crate) fn start(engine: impl FnOnce() -> Engine<D> + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let serve = move || serve(&mut engine(), &receiver);
        let thread = std::thread::Builder::new().name("autoproc-store".into()).spawn(serve)?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    pub(crate) fn change(&self, change: Box<dyn Change>) {
        self.send(Message::Change(change));
    }

    /// Does something with the engine and answers.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine<D>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (sender, receiver) = oneshot::channel();
        let task = move |engine: &mut Engine<D>| drop(sender.send(question(engine)));
        self.send(Message::Task(Box::new(task)));
        receiver.await.unwrap_or(Err(StorageError::Poisoned))
    }

    pub(crate) async fn changed(&self) {
        let (sender, receiver) = oneshot::channel();
        self.send(Message::Watch(sender));
        // Where the thread is gone, the next transaction says so.
        let _ = receiver.await;
    }

    /// A message that cannot be sent is dropped, and with it the sender that its asker waits on.
    fn send(&self, message: Message<D>) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(message);
        }
    }
}

impl<D: Disk> Drop for Worker<D> {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by its hook, and every asker has had an error for it.
            let _ = thread.join();
        }
    }
}

fn serve<D: Disk>(engine: &mut Engine<D>, receiver: &Receiver<Message<D>>) {
    let mut watchers: Vec<oneshot::Sender<()>> = Vec::new();
    let mut waiting = None;
    loop {
        let message = match waiting.take() {
            Some(message) => message,
            None => match next(receiver, watchers.is_empty()) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    tell_watchers(engine, &mut watchers);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            },
        };
        match message {
            Message::Change(first) => {
                let (changes, left_over) = gather(first, receiver);
                waiting = left_over;
                engine.change(changes);
            }
            Message::Task(task) => task(engine),
            Message::Watch(watcher) => {
                watchers.push(watcher);
                tell_watchers(engine, &mut watchers);
            }
        }
    }
}

fn next<D: Disk>(receiver: &Receiver<Message<D>>, nobody_watches: bool) -> Result<Message<D>, RecvTimeoutError> {
    if nobody_watches {
        return receiver.recv().map_err(|_| RecvTimeoutError::Disconnected);
    }
    receiver.recv_timeout(POLL)
}

/// Every change that is waiting already, and the first message that is none.
fn gather<D: Disk>(
    first: Box<dyn Change>,
    receiver: &Receiver<Message<D>>,
) -> (Vec<Box<dyn Change>>, Option<Message<D>>) {
    let mut changes = vec![first];
    while let Ok(message) = receiver.try_recv() {
        match message {
            Message::Change(change) => changes.push(change),
            other => return (changes, Some(other)),
        }
    }
    (changes, None)
}

fn tell_watchers<D: Disk>(engine: &Engine<D>, watchers: &mut Vec<oneshot::Sender<()>>) {
    watchers.retain(|watcher| !watcher.is_closed());
    if !watchers.is_empty() && engine.is_behind() {
        for watcher in watchers.drain(..) {
            let _ = watcher.send(());
        }
    }
}
