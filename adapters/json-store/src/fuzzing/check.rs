//! Checks the guarantees of a store with arbitrary files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::ports::StorageError;
use autoproc_domain::queue::Transaction;
use autoproc_domain::request::{
    AnswerNeeded, Enqueue, ExchangeRequest, NewItem, RecoverRequest, RequestId, Scope, Settlement, Verdict,
};
use autoproc_domain::{FilePath, FileQueue, Priority, QueueItem, RunId, Timestamp};

use crate::disk::fake::FakeDisk;
use crate::engine::Mode;
use crate::engine::{Engine, Limits, Settings};
use crate::request::{PendingRequest, Request, Unfenced};

/// 2023-11-14T22:13:20Z.
const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

pub(super) fn engine(disk: &FakeDisk, mode: Mode) -> Engine<FakeDisk> {
    engine_for(disk, mode, Limits::default())
}

fn engine_for(disk: &FakeDisk, mode: Mode, limits: Limits) -> Engine<FakeDisk> {
    let settings = Settings {
        base: PathBuf::from("/project"),
        lock_timeout: Duration::ZERO,
        limits,
        mode,
        on_notice: Arc::new(|_| {}),
    };
    Engine::new(disk.clone(), settings)
}

/// Reads and changes the store. Returns `false` if the store does not open.
pub(super) fn check(disk: &FakeDisk) -> bool {
    let before = disk.contents();
    let seen = read(disk);
    assert_eq!(disk.contents(), before, "reading changed something");
    let mut writer = engine(disk, Mode::Service);
    let opened = writer.locked(|writer| writer.fresh_queue().cloned());
    match (seen, opened) {
        (Err(_), Err(_)) => {
            assert_eq!(disk.contents(), before, "a refused store was changed");
            false
        }
        (Ok(seen), Ok(opened)) => {
            assert_eq!(facts(&seen), facts(&opened), "a reader and a writer see different queues");
            change(disk, writer, opened);
            true
        }
        (seen, opened) => panic!("read: {:?}, written: {:?}", seen.map(drop), opened.map(drop)),
    }
}

fn read(disk: &FakeDisk) -> Result<FileQueue, StorageError> {
    engine(disk, Mode::Service).view().cloned()
}

fn facts(queue: &FileQueue) -> (Vec<QueueItem>, u64, ClaimNumber) {
    (queue.items().cloned().collect(), queue.next_number(), queue.next_claim())
}

fn change(disk: &FakeDisk, mut run: Engine<FakeDisk>, queue: FileQueue) {
    let mut model = Model { disk, queue };
    model.expect_on_disk();
    model.transact(&mut run, addition("/by the run"));
    let claimed = model.transact(&mut run, exchange(None));
    model.transact(&mut run, exchange(claimed.claims.first().map(|(token, _)| *token)));
    // The first blind append writes the note of the journal's end, and the second one uses it.
    for path in ["/blind", "/blind again"] {
        model.transact(&mut engine_for(disk, Mode::Command, Limits::ZERO), addition(path));
    }
    model.recover(&mut run);
    run.close().expect("nothing fails on this disk");
    model.expect_on_disk();
    model.transact(&mut engine(disk, Mode::Command), addition("/by a command"));
}

struct Model<'a> {
    disk: &'a FakeDisk,
    queue: FileQueue,
}

impl Model<'_> {
    fn transact<T: Request>(&mut self, engine: &mut Engine<FakeDisk>, request: T) -> T::Reply {
        request.perform(&mut self.queue, NOW).expect("the domain refuses none of these");
        let (pending, mut receiver) = PendingRequest::new(request, NOW);
        engine.change(vec![Box::new(pending)]);
        let reply = receiver.try_recv().expect("the engine answers every change before it returns");
        let reply = reply.unwrap_or_else(|error| panic!("an open store can be changed: {error}"));
        self.expect_on_disk();
        reply
    }

    fn recover(&mut self, engine: &mut Engine<FakeDisk>) {
        let dead = engine.dead_runs().expect("an open store can be asked");
        let request = RecoverRequest { runs: dead.into_iter().map(|dead| dead.run).collect(), max_attempts: 4 };
        request.perform(&mut self.queue, NOW).expect("the domain recovers whatever there is");
        engine.recover(request, NOW).expect("an open store can be changed");
        self.expect_on_disk();
    }

    fn expect_on_disk(&self) {
        let found = read(self.disk).expect("a store that opened opens again");
        assert_eq!(facts(&found), facts(&self.queue), "the queue that is read differs from the one that was written");
    }
}

fn addition(path: &str) -> Enqueue {
    let file_path = FilePath::new(path).expect("the path is absolute, short and without NUL");
    let items = vec![NewItem::new(file_path).with_priority(Priority::new(1))];
    Enqueue { items, answer: AnswerNeeded::Later, ..Enqueue::default() }
}

fn exchange(token: Option<ClaimToken>) -> Unfenced {
    let settlements = token.map(|token| Settlement { token, verdict: Verdict::Complete(Completion::default()) });
    let limit = usize::from(settlements.is_none());
    let settlements = settlements.into_iter().collect();
    Unfenced(ExchangeRequest {
        run: RunId::new("fuzz"),
        id: RequestId::default(),
        settlements,
        limit,
        scope: Scope::Queue,
    })
}
