//! Runs the store's blocking calls.
//!
//! The handle of a run has its own thread. Changes that arrive during a sync share the next sync.
//! Other handles block their caller: switching threads would take as long as a change (0.1 ms).

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use autoproc_domain::ports::StorageError;
use tokio::sync::oneshot;

use crate::disk::Disk;
use crate::engine::Engine;
use crate::error::gone;
use crate::request::Change;

/// The interval between checks for changes by other processes. The `Storage` port requires that a
/// change is reported within half a second.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

const THREAD_NAME: &str = "autoproc-store";

type Task<D> = Box<dyn FnOnce(&mut Engine<D>) + Send>;

enum Message<D: Disk> {
    Change(Box<dyn Change>),
    Task(Task<D>),
    Watch(oneshot::Sender<()>),
}

pub(crate) enum Worker<D: Disk> {
    Inline(Arc<Mutex<Engine<D>>>),
    Thread(EngineThread<D>),
}

impl<D: Disk> Worker<D> {
    pub(crate) fn inline(engine: Engine<D>) -> Self {
        Self::Inline(Arc::new(Mutex::new(engine)))
    }

    pub(crate) fn start(engine: impl FnOnce() -> Engine<D> + Send + 'static) -> io::Result<Self> {
        EngineThread::start(engine).map(Self::Thread)
    }

    pub(crate) fn change(&self, change: Box<dyn Change>) {
        match self {
            // A panic in an earlier call has poisoned the mutex. The engine is not used again.
            Self::Inline(engine) => drop(engine.lock().map(|mut engine| engine.change(vec![change]))),
            Self::Thread(thread) => thread.send(Message::Change(change)),
        }
    }

    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Engine<D>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        match self {
            Self::Inline(engine) => engine.lock().map_err(|_| gone()).and_then(|mut engine| call(&mut engine)),
            Self::Thread(thread) => thread.ask(call).await,
        }
    }

    /// Waits until another process has changed the store. May return early.
    pub(crate) async fn changed(&self) {
        let (sender, receiver) = oneshot::channel();
        match self {
            Self::Inline(engine) => {
                let engine = Arc::downgrade(engine);
                let watch = move || watch(&engine, sender);
                // If no thread can be started, the sender is dropped, which ends the wait.
                drop(std::thread::Builder::new().name(THREAD_NAME.into()).spawn(watch));
            }
            Self::Thread(thread) => thread.send(Message::Watch(sender)),
        }
        let _ = receiver.await;
    }
}

fn watch<D: Disk>(engine: &Weak<Mutex<Engine<D>>>, waiting: oneshot::Sender<()>) {
    while !waiting.is_closed() {
        std::thread::sleep(POLL_INTERVAL);
        let Some(engine) = engine.upgrade() else { return };
        if engine.lock().map_or(true, |engine| engine.is_behind()) {
            let _ = waiting.send(());
            return;
        }
    }
}

/// Dropping this waits until the thread has served all requests.
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
        call: impl FnOnce(&mut Engine<D>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (sender, receiver) = oneshot::channel();
        let task = move |engine: &mut Engine<D>| drop(sender.send(call(engine)));
        self.send(Message::Task(Box::new(task)));
        receiver.await.unwrap_or_else(|_| Err(gone()))
    }

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
            // If the thread panicked, the panic hook has reported it, and every caller has received
            // an error.
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
                    notify_watchers(engine, &mut watchers);
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
            Message::Watch(watcher) => watchers.push(watcher),
        }
    }
}

fn next<D: Disk>(receiver: &Receiver<Message<D>>, is_unwatched: bool) -> Result<Message<D>, RecvTimeoutError> {
    if is_unwatched {
        return receiver.recv().map_err(|_| RecvTimeoutError::Disconnected);
    }
    receiver.recv_timeout(POLL_INTERVAL)
}

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

fn notify_watchers<D: Disk>(engine: &Engine<D>, watchers: &mut Vec<oneshot::Sender<()>>) {
    watchers.retain(|watcher| !watcher.is_closed());
    if !watchers.is_empty() && engine.is_behind() {
        for watcher in watchers.drain(..) {
            let _ = watcher.send(());
        }
    }
}
