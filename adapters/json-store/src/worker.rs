//! Where the store blocks: locks, reads, writes, syncs.
//!
//! A handle with many changes to come has a thread for it. Requests that arrive while a sync is under way wait in the
//! channel and then go into one write together, so that many callers cost one sync and not one each.
//!
//! A handle for one command blocks its caller, who has nothing else to do: a thread, its stack, its part of the allocator
//! and two changes of the running thread for each answer cost as much as the change itself.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use autoproc_domain::ports::StorageError;
use tokio::sync::oneshot;

use crate::disk::Disk;
use crate::engine::{Change, Engine};

/// How often the files are looked at while somebody waits for a change of them: well within the half second in which the
/// port promises to notice, and four system calls a second cost nothing.
const POLL: Duration = Duration::from_millis(200);

const THREAD_NAME: &str = "autoproc-store";

type Task<D> = Box<dyn FnOnce(&mut Engine<D>) + Send>;

enum Message<D: Disk> {
    Change(Box<dyn Change>),
    Task(Task<D>),
    /// Tell when somebody else has changed the store.
    Watch(oneshot::Sender<()>),
}

/// The engine, as its owner holds it.
pub(crate) enum Worker<D: Disk> {
    /// It works where it is asked, and blocks whoever asks.
    Here(Arc<Mutex<Engine<D>>>),
    /// It works on a thread of its own.
    Thread(EngineThread<D>),
}

impl<D: Disk> Worker<D> {
    /// An engine that blocks whoever asks.
    pub(crate) fn here(engine: Engine<D>) -> Self {
        Self::Here(Arc::new(Mutex::new(engine)))
    }

    /// An engine on a thread of its own.
    pub(crate) fn start(engine: impl FnOnce() -> Engine<D> + Send + 'static) -> io::Result<Self> {
        EngineThread::start(engine).map(Self::Thread)
    }

    /// A change that cannot be carried out is dropped, and with it the sender that its asker waits on.
    pub(crate) fn change(&self, change: Box<dyn Change>) {
        match self {
            // After a panic in the middle of its work an engine is not believed any more.
            Self::Here(engine) => drop(engine.lock().map(|mut engine| engine.change(vec![change]))),
            Self::Thread(thread) => thread.send(Message::Change(change)),
        }
    }

    /// Does something with the engine and answers.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine<D>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        match self {
            Self::Here(engine) => {
                engine.lock().map_err(|_| StorageError::Poisoned).and_then(|mut engine| question(&mut engine))
            }
            Self::Thread(thread) => thread.ask(question).await,
        }
    }

    /// Waits until somebody else has changed the store, or until nobody can tell any more: the next transaction says so.
    pub(crate) async fn changed(&self) {
        let (sender, receiver) = oneshot::channel();
        match self {
            Self::Here(engine) => {
                let engine = Arc::downgrade(engine);
                let watch = move || watch(&engine, sender);
                // Where there is no thread to be had, the sender is dropped, which ends the waiting.
                drop(std::thread::Builder::new().name(THREAD_NAME.into()).spawn(watch));
            }
            Self::Thread(thread) => thread.send(Message::Watch(sender)),
        }
        let _ = receiver.await;
    }
}

/// Looks at the files for one who waits, for as long as he waits and the engine is there.
fn watch<D: Disk>(engine: &Weak<Mutex<Engine<D>>>, waiting: oneshot::Sender<()>) {
    while !waiting.is_closed() {
        let Some(engine) = engine.upgrade() else { return };
        let is_behind = engine.lock().map_or(true, |engine| engine.is_behind());
        drop(engine);
        if is_behind {
            let _ = waiting.send(());
            return;
        }
        std::thread::sleep(POLL);
    }
}

/// The thread, as its owner holds it. Dropping it ends the thread, after what was asked of it is done.
pub(crate) struct EngineThread<D: Disk> {
    sender: Option<Sender<Message<D>>>,
    thread: Option<JoinHandle<()>>,
}

impl<D: Disk> EngineThread<D> {
    fn start(engine: impl FnOnce() -> Engine<D> + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let serve = move || serve(&mut engine(), &receiver);
        let thread = std::thread::Builder::new().name(THREAD_NAME.into()).spawn(serve)?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine<D>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (sender, receiver) = oneshot::channel();
        let task = move |engine: &mut Engine<D>| drop(sender.send(question(engine)));
        self.send(Message::Task(Box::new(task)));
        receiver.await.unwrap_or(Err(StorageError::Poisoned))
    }

    /// A message that cannot be sent is dropped, and with it the sender that its asker waits on.
    fn send(&self, message: Message<D>) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(message);
        }
    }
}

impl<D: Disk> Drop for EngineThread<D> {
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
