//! The crash test of `doctor --torture`.
//!
//! The test kills processes that add files to a temporary queue. No acknowledged file may be lost.
//! Each process prints the acknowledged numbers to a pipe, whose content survives the kill.
//!
//! Power cuts are not tested, because a kill does not discard the page cache.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use autoproc_domain::request::{AnswerNeeded, Clear, Enqueue, NewItem, Repeat, Requeue};
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, Status};
use clap::Args;

use crate::console::Delivery;
use crate::context::Context;
use crate::error::CliError;
use crate::project::Project;
use crate::wiring::Purpose;

/// The number of concurrent writers: enough to contend for the lock.
const WRITERS: u64 = 3;
/// The maximum lifetime of the writers.
const MAX_LIFE: Duration = Duration::from_millis(200);
/// The temporary queue is cleared above this number of files.
const MAX_ITEMS: usize = 20_000;

/// The arguments of `torture-writer`.
#[derive(Debug, Args)]
pub(crate) struct TortureWriterArgs {
    /// Folder in the paths of the added files; it need not exist
    prefix: PathBuf,
    /// Open the queue again for each addition, as a command does
    #[arg(long)]
    afresh: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CrashTest {
    /// The number of times that the writers were killed and the queue was reopened.
    pub(crate) cycles: u64,
    pub(crate) killed: u64,
    pub(crate) acknowledged: u64,
    /// The number of acknowledged additions that were missing in the reopened queue.
    pub(crate) lost: u64,
    pub(crate) elapsed: Duration,
}

/// Adds files until the process is killed. Prints the number of each acknowledged file.
pub(crate) async fn write(args: &TortureWriterArgs, context: &Context) -> Result<(), CliError> {
    let steady = context.wiring.elsewhere(context.project.clone(), Purpose::Run);
    for number in 0_u64.. {
        let file_path = FilePath::new(args.prefix.join(number.to_string()))?;
        let request =
            Enqueue { items: vec![NewItem::new(file_path)], repeat: Repeat::Always, answer: AnswerNeeded::Later };
        if args.afresh {
            let wiring = context.wiring.elsewhere(context.project.clone(), Purpose::Command);
            wiring.storage().enqueue(request, context.now()).await?;
        } else {
            steady.storage().enqueue(request, context.now()).await?;
        }
        if context.console.print_exactly(|out| writeln!(out, "{number}"))? == Delivery::Cut {
            break;
        }
    }
    Ok(())
}

/// Kills writers repeatedly for the time `length`, and counts lost files.
pub(super) async fn carry_out(length: Duration, context: &Context) -> Result<CrashTest, CliError> {
    let scratch = Scratch::new(context).map_err(|error| CliError::io("cannot create a temporary folder", &error))?;
    let mut acknowledged = HashSet::new();
    let mut crash_test = CrashTest::default();
    let began = Instant::now();
    while began.elapsed() < length {
        let told = cycle(&scratch, crash_test.cycles, context)
            .map_err(|error| CliError::io("cannot carry out the crash test", &error))?;
        crash_test.cycles += 1;
        crash_test.killed += WRITERS;
        crash_test.acknowledged += told.len() as u64;
        acknowledged.extend(told);
        crash_test.lost += missing(&scratch, &mut acknowledged, context).await?;
    }
    crash_test.elapsed = began.elapsed();
    Ok(crash_test)
}

/// Starts and kills the writers. Returns the acknowledged files.
fn cycle(scratch: &Scratch, number: u64, context: &Context) -> io::Result<Vec<PathBuf>> {
    let started: Vec<_> = (0..WRITERS).map(|writer| Writer::start(scratch, number, writer, context)).collect();
    thread::sleep(MAX_LIFE.mul_f64(random_part()));
    // Kills all writers before reading their output, so that no writer survives an error.
    let killed: Vec<_> = started.into_iter().map(|writer| writer.map(Writer::kill)).collect();
    let told: Vec<_> = killed.into_iter().map(|writer| writer.map(Writer::told)).collect();
    Ok(told.into_iter().collect::<io::Result<Vec<_>>>()?.concat())
}

/// Counts the expected files that are missing. May clear the queue afterwards.
async fn missing(scratch: &Scratch, expected: &mut HashSet<PathBuf>, context: &Context) -> Result<u64, CliError> {
    let wiring = context.wiring.elsewhere(Project::in_folder(scratch.0.clone()), Purpose::Command);
    let storage = wiring.storage();
    // The requeue takes the lock and recovers the queue from the crash. If either fails, the crash
    // test reports the error.
    storage.requeue(Requeue::AllFailed, context.now()).await?;
    let items = storage.page(PageRequest::default()).await?.items;
    let found: HashSet<_> = items.iter().map(|item| item.file_path.as_path()).collect();
    let lost = expected.iter().filter(|path| !found.contains(path.as_path())).count() as u64;
    if lost > 0 || expected.len() > MAX_ITEMS {
        storage.clear(Clear(Status::ALL.to_vec()), context.now()).await?;
        expected.clear();
    }
    wiring.close().await?;
    Ok(lost)
}

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
        if context.wiring.options().allow_network_fs {
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

    /// Ignores an error, because the process may have ended already.
    fn kill(mut self) -> Self {
        let _ = self.child.kill();
        self
    }

    /// Returns the acknowledged files. Ignores an incomplete last line.
    fn told(mut self) -> Vec<PathBuf> {
        let _ = self.child.wait();
        let bytes = self.reader.join().ok().and_then(Result::ok).unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
        text.lines().map(|number| self.prefix.join(number)).collect()
    }
}

struct Scratch(PathBuf);

impl Scratch {
    /// Creates the folder on the file system of the user's queue.
    fn new(context: &Context) -> io::Result<Self> {
        let name = format!("autoproc-torture-{}", uuid::Uuid::new_v4().simple());
        let folder = beside(&context.project.state_dir())?.join(name);
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Ignores an error, because a leftover folder is harmless and its name shows its purpose.
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

/// Returns a random number from 0 to 1.
fn random_part() -> f64 {
    let (bits, ..) = uuid::Uuid::new_v4().as_fields();
    f64::from(bits) / f64::from(u32::MAX)
}
