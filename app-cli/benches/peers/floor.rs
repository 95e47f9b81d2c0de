//! What the machine itself needs: this program started again in a mode that does one thing and exits.
//!
//! They are modes of their own process so that the one that measures stays small (see [`crate::process`]), and so that
//! the minimal program beside `queue add` is a whole process too. What is timed inside prints lines of a name and seconds.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autoproc_domain::command::{ExchangeRequest, NewItem, Settlement, Verdict};
use autoproc_domain::ports::{Storage, StorageError};
use autoproc_domain::{FilePath, Priority, RunId, Timestamp};
use autoproc_json_store::{JsonStore, Mode, StoreConfig};
use serde::Deserialize;

use crate::process::measure_output;
use crate::scratch::path_in_list;
use crate::statistics::median;

/// The first argument that asks for a floor.
pub(crate) const WORD: &str = "floor";

/// Bytes of a line: about what one transaction of the store takes.
const LINE: [u8; 200] = [b'x'; 200];

/// A command that starts this program for a floor.
///
/// # Errors
/// This program cannot find itself.
pub(crate) fn again(words: &[&str], path: &Path) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(WORD).args(words).arg(path);
    Ok(command)
}

/// Runs such a command and returns the seconds it printed under each name.
///
/// # Errors
/// It failed, or printed something else.
pub(crate) fn told(command: &mut Command) -> io::Result<Vec<(String, Duration)>> {
    let (_, output) = measure_output(command)?;
    output.lines().map(named_seconds).collect()
}

fn named_seconds(line: &str) -> io::Result<(String, Duration)> {
    let (name, seconds) = line.split_once(' ').ok_or_else(|| io::Error::other("a line without a blank"))?;
    let seconds = seconds.parse().map_err(io::Error::other)?;
    Ok((name.to_owned(), Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?))
}

/// Does what the words after [`WORD`] say.
///
/// # Errors
/// The words are not known, or the doing failed.
pub(crate) fn main(words: &[String]) -> io::Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["append-once", file] => append_once(Path::new(file)),
        ["append", count, file] => append(parse(count)?, Path::new(file)),
        ["parse", file] => parse_snapshot(Path::new(file)),
        ["spawn", threads, count, program] => spawn(parse(threads)?, parse(count)?, program),
        ["store", count, folder] => store(parse(count)?, Path::new(folder)),
        _ => Err(io::Error::other("no such floor")),
    }
}

fn parse(number: &str) -> io::Result<usize> {
    number.parse().map_err(io::Error::other)
}

/// The least that an adding process can do: open, lock, append, sync, exit.
fn append_once(file: &Path) -> io::Result<()> {
    let mut file = open(file)?;
    file.lock()?;
    file.write_all(&LINE)?;
    file.sync_data()
}

fn open(file: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(file)
}

fn append(count: usize, file: &Path) -> io::Result<()> {
    let mut file = open(file)?;
    let times = timed(count, || {
        file.write_all(&LINE)?;
        file.sync_data()
    });
    tell("append", middle(&times?))
}

/// The least that a reader of the snapshot can do with this library and owned paths.
fn parse_snapshot(file: &Path) -> io::Result<()> {
    #[derive(Deserialize)]
    struct Document {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        id: u64,
        file_path: String,
        priority: i32,
        attempts: u32,
    }
    let started = Instant::now();
    let document: Document = serde_json::from_slice(&fs::read(file)?)?;
    let seconds = started.elapsed().as_secs_f64();
    let used = |item: &Item| item.id > 0 && !item.file_path.is_empty() && item.priority == 0 && item.attempts == 0;
    if !document.items.iter().all(used) {
        return Err(io::Error::other("not the snapshot that was expected"));
    }
    tell("parse", seconds)
}

fn spawn(threads: usize, count: usize, program: &str) -> io::Result<()> {
    let started = Instant::now();
    std::thread::scope(|scope| {
        let spawning = || (0..count / threads).try_for_each(|_| Command::new(program).status().map(|_| ()));
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(spawning)).collect();
        let joined = |thread: std::thread::ScopedJoinHandle<'_, io::Result<()>>| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread gave up")))
        };
        threads.into_iter().try_for_each(joined)
    })?;
    tell("spawn", started.elapsed().as_secs_f64())
}

/// Opens a store, then adds to it and exchanges with it, one operation after the other.
fn store(count: usize, folder: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let started = Instant::now();
    let store = JsonStore::open(configuration(folder));
    runtime.block_on(store.counts()).map_err(io::Error::other)?;
    tell("open", started.elapsed().as_secs_f64())?;
    let mut number = 0;
    let adds = timed(count, || {
        number += 1;
        runtime.block_on(add(&store, number)).map_err(io::Error::other)
    });
    tell("add", middle(&adds?))?;
    let mut settlements = Vec::new();
    let exchanges = timed(count, || {
        settlements = runtime.block_on(exchange(&store, std::mem::take(&mut settlements))).map_err(io::Error::other)?;
        Ok(())
    });
    tell("exchange", middle(&exchanges?))
}

fn configuration(folder: &Path) -> StoreConfig {
    StoreConfig {
        state_dir: folder.to_owned(),
        base: PathBuf::from("/"),
        lock_timeout: Duration::from_secs(10),
        mode: Mode::Service,
        on_notice: Arc::new(|_| {}),
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

async fn add(store: &JsonStore, number: u64) -> Result<(), StorageError> {
    let file_path = FilePath::new(path_in_list("floor", number)).expect("a path from / with plain names");
    store.enqueue(vec![NewItem { file_path, priority: Priority::default() }], now()).await.map(|_| ())
}

/// Settles what was claimed before and claims one file.
async fn exchange(store: &JsonStore, settlements: Vec<Settlement>) -> Result<Vec<Settlement>, StorageError> {
    let request = ExchangeRequest { run: RunId::new("bench"), settlements, limit: 1 };
    let exchanged = store.exchange(request, now()).await?;
    let settled = |(token, _)| Settlement { token, verdict: Verdict::Complete };
    Ok(exchanged.claims.into_iter().map(settled).collect())
}

/// The seconds of each of so many goes.
fn timed(count: usize, mut go: impl FnMut() -> io::Result<()>) -> io::Result<Vec<f64>> {
    let one = |_| {
        let started = Instant::now();
        go()?;
        Ok(started.elapsed().as_secs_f64())
    };
    (0..count).map(one).collect()
}

fn middle(times: &[f64]) -> f64 {
    median(times).unwrap_or_default()
}

fn tell(name: &str, seconds: f64) -> io::Result<()> {
    writeln!(io::stdout(), "{name} {seconds:.9}")
}
