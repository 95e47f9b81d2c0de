//! The crash test of `doctor --torture`: on the user's own file system, processes that write to a queue are killed at
//! random moments, and everything they had acknowledged must be there.
//!
//! The writers are a hidden mode of our own binary. One of them writes as a run does, through one handle; the others as
//! commands do, through a fresh one for each addition. A writer prints a number when an addition is acknowledged, and its
//! printing outlives it, because it stands in a pipe that we hold.
//!
//! Deliberately absent: loss of power. A kill leaves what the system was given, and only the machine can take that away.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use autoproc_domain::request::{AnswerNeeded, Clear, Enqueue, NewItem, Repeat, Selection};
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, Status};

use crate::console::Heard;
use crate::context::Context;
use crate::error::CliError;
use crate::project::Project;
use crate::view::Tortured;
use crate::wiring::Use;

/// Enough to meet at the lock, and few enough for each to get on.
const WRITERS: u64 = 3;
/// A writer lives for as long as it takes to begin, and up to this much longer.
const LONGEST_LIFE: Duration = Duration::from_millis(200);
/// The queue begins anew beyond this many items, so that looking at it stays short beside writing to it.
const MOST_ITEMS: usize = 20_000;

/// Adds files until killed, and prints the number of each when it is acknowledged.
pub(crate) async fn write(prefix: &Path, afresh: bool, context: &Context) -> Result<(), CliError> {
    let steady = context.wiring.elsewhere(context.project.clone(), Use::Run);
    for number in 0_u64.. {
        let file_path = FilePath::new(prefix.join(number.to_string()))?;
        let request =
            Enqueue { items: vec![NewItem::new(file_path)], repeat: Repeat::Always, answer: AnswerNeeded::Later };
        if afresh {
            let wiring = context.wiring.elsewhere(context.project.clone(), Use::Command);
            wiring.storage().enqueue(request, context.now()).await?;
        } else {
            steady.storage().enqueue(request, context.now()).await?;
        }
        if context.console.print_exactly(|out| writeln!(out, "{number}"))? == Heard::NotToTheEnd {
            break;
        }
    }
    Ok(())
}

/// Kills writers for this long, and counts what is lost.
///
/// # Errors
/// [`CliError`] where the test itself cannot go on, or the queue it writes to can no longer be read.
pub(crate) async fn torture(length: Duration, context: &Context) -> Result<Tortured, CliError> {
    let scratch = Scratch::new(context).map_err(|error| CliError::io("cannot make a scratch folder", &error))?;
    let mut acknowledged = HashSet::new();
    let mut tortured = Tortured::default();
    let began = Instant::now();
    while began.elapsed() < length {
        let told = cycle(&scratch, tortured.cycles, context)
            .map_err(|error| CliError::io("cannot carry out the crash test", &error))?;
        tortured.cycles += 1;
        tortured.killed += WRITERS;
        tortured.acknowledged += told.len() as u64;
        acknowledged.extend(told);
        tortured.lost += look(&scratch, &mut acknowledged, context).await?;
    }
    tortured.elapsed = began.elapsed();
    Ok(tortured)
}

/// Lets writers write and kills them; the answer is what they had acknowledged.
fn cycle(scratch: &Scratch, number: u64, context: &Context) -> io::Result<Vec<PathBuf>> {
    let started: Vec<_> = (0..WRITERS).map(|writer| Writer::start(scratch, number, writer, context)).collect();
    thread::sleep(LONGEST_LIFE.mul_f64(random_part()));
    // All are killed before the first is asked, and before a failure is told, so that none writes on alone.
    let killed: Vec<_> = started.into_iter().map(|writer| writer.map(Writer::kill)).collect();
    let told: Vec<_> = killed.into_iter().map(|writer| writer.map(Writer::told)).collect();
    Ok(told.into_iter().collect::<io::Result<Vec<_>>>()?.concat())
}

/// How many of the acknowledged files are not in the queue.
async fn look(scratch: &Scratch, expected: &mut HashSet<PathBuf>, context: &Context) -> Result<u64, CliError> {
    let wiring = context.wiring.elsewhere(Project::in_folder(scratch.0.clone()), Use::Command);
    let storage = wiring.storage();
    // A change takes the lock and puts in order what the crash left, which is where something could go wrong too.
    storage.requeue(Selection::AllFailed, context.now()).await?;
    let items = storage.page(PageRequest::default()).await?.items;
    let found: HashSet<_> = items.iter().map(|item| item.file_path.as_path()).collect();
    let lost = expected.iter().filter(|path| !found.contains(path.as_path())).count() as u64;
    if lost > 0 || expected.len() > MOST_ITEMS {
        storage.clear(Clear(Status::ALL.to_vec()), context.now()).await?;
        expected.clear();
    }
    wiring.close().await?;
    Ok(lost)
}

/// A process that writes.
struct Writer {
    child: Child,
    prefix: PathBuf,
    reader: JoinHandle<io::Result<Vec<u8>>>,
}

impl Writer {
    fn start(scratch: &Scratch, cycle: u64, number: u64, context: &Context) -> io::Result<Self> {
        let prefix = PathBuf::from(format!("/torture/{cycle}/{number}"));
        let mut command = Command::new(env::current_exe()?);
        command.arg("--project-dir").arg(&scratch.0).arg("torture-writer").arg(&prefix);
        if number > 0 {
            command.arg("--afresh");
        }
        if context.wiring.terms().allow_network_fs {
            command.arg("--allow-network-fs");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let mut pipe = child.stdout.take();
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.as_mut().map_or(Ok(0), |pipe| pipe.read_to_end(&mut bytes))?;
            Ok(bytes)
        });
        Ok(Self { child, prefix, reader })
    }

    /// Kills it (SIGKILL). One that has ended by itself is as dead.
    fn kill(mut self) -> Self {
        let _ = self.child.kill();
        self
    }

    /// What it said was there. A last line that is not whole says nothing.
    fn told(mut self) -> Vec<PathBuf> {
        let _ = self.child.wait();
        let bytes = self.reader.join().ok().and_then(Result::ok).unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
        text.lines().map(|number| self.prefix.join(number)).collect()
    }
}

/// A folder for the queue of the test, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    /// Makes one beside the state folder; in it, where only it is on the file system that is to be tested.
    fn new(context: &Context) -> io::Result<Self> {
        let name = format!("autoproc-torture-{}", uuid::Uuid::new_v4().simple());
        let folder = beside(&context.project.state_dir())?.join(name);
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is told by its name, and harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn beside(state_dir: &Path) -> io::Result<PathBuf> {
    let there = state_dir.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let there = there.canonicalize()?;
    if !state_dir.is_dir() {
        return Ok(there);
    }
    let device = |folder: &Path| fs::metadata(folder).map(|metadata| metadata.dev());
    match there.parent() {
        Some(parent) if device(parent)? == device(&there)? => Ok(parent.to_owned()),
        _ => Ok(there),
    }
}

/// At random between 0 and 1: 32 of the random bits of a UUID of version 4 (RFC 9562).
fn random_part() -> f64 {
    let (bits, ..) = uuid::Uuid::new_v4().as_fields();
    f64::from(bits) / f64::from(u32::MAX)
}
