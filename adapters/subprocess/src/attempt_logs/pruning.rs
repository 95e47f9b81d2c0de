//! Removing old output, by age and by the room it takes.
//!
//! An output is removed whole, with its `.tail`. When something is removed, an empty file `pruned` is left whose time of
//! change is that of the newest output ever removed: of what was printed later, all is there, so that "it printed nothing"
//! can be told from "it is no longer kept". That time is set before anything goes.
//!
//! A folder is gone through once, without opening a file; what is remembered of each takes less than a hundred bytes.

use std::fs::{self, DirEntry, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use autoproc_domain::item::{AttemptNumber, ClaimToken};

use crate::attempt_logs::{AttemptLog, AttemptLogs};
use crate::bounded_log::{new_tail_path, tail_path};

/// The file whose time of change says up to when outputs were removed.
const PRUNED: &str = "pruned";

/// Times of files lag behind the clock by up to a tick of the system, which is 10 ms at the longest (time(7), "HZ").
const CLOCK_SLACK: Duration = Duration::from_millis(100);

/// How much output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The time since something was last written to it after which an output goes; `None` keeps it for ever.
    pub max_age: Option<Duration>,
    /// The bytes that all outputs may take together, as they are long; above that the oldest go. `None` sets no limit.
    pub max_total: Option<u64>,
}

/// 30 days and 1 GiB.
impl Default for Retention {
    fn default() -> Self {
        Self { max_age: Some(Duration::from_secs(30 * 24 * 3600)), max_total: Some(1024 * 1024 * 1024) }
    }
}

/// What was removed.
#[derive(Debug, Default)]
pub struct Pruned {
    /// How many outputs.
    pub outputs: usize,
    /// How many bytes they had.
    pub bytes: u64,
    /// The first failure to remove one, or to note it. The others were removed all the same.
    pub trouble: Option<io::Error>,
}

impl AttemptLogs {
    /// Removes what is not to be kept as of `now`, which is to be a time before it was found out which attempts to
    /// `keep`: those that are being made. What was written to after it, or a moment before, stays too.
    ///
    /// # Errors
    /// Where the folder cannot be read. One that is not there holds nothing.
    pub fn prune(
        &self,
        retention: &Retention,
        now: SystemTime,
        keep: impl Fn(&AttemptLog) -> bool,
    ) -> io::Result<Pruned> {
        let mut outputs = self.outputs()?;
        outputs.sort_unstable_by_key(|output| output.written_at);
        let settled = now.checked_sub(CLOCK_SLACK).unwrap_or(SystemTime::UNIX_EPOCH);
        let is_kept =
            |output: &Output| output.written_at >= settled || keep(&self.log_of(output.token, output.attempt));
        let victims = victims(&outputs, retention, now, is_kept);
        // Room is worth more than the mark: a full disk may refuse it.
        let marked = victims.last().map_or(Ok(()), |newest| self.mark_pruned(newest.written_at));
        Ok(self.remove(&victims, marked.err()))
    }

    /// The time up to which outputs may have been removed; `None` where none ever was.
    ///
    /// # Errors
    /// Where the system cannot tell.
    pub fn pruned_until(&self) -> io::Result<Option<SystemTime>> {
        match fs::metadata(self.dir.join(PRUNED)) {
            Ok(metadata) => metadata.modified().map(|time| Some(time + CLOCK_SLACK)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What lies in the folder, in no order.
    fn outputs(&self) -> io::Result<Vec<Output>> {
        let entries = match self.dir.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            files.extend(self.output(&entry?));
        }
        files.sort_unstable_by_key(|file| (file.token, file.attempt));
        files.dedup_by(|file, output| {
            let is_same = file.belongs_to(output);
            if is_same {
                output.absorb(file);
            }
            is_same
        });
        Ok(files)
    }

    /// What a file says of the output it belongs to. One that is gone by now, or not ours, says nothing.
    fn output(&self, entry: &DirEntry) -> Option<Output> {
        let name = entry.file_name();
        let name = name.to_str()?;
        let stem = name.strip_suffix(".tail.new").or_else(|| name.strip_suffix(".tail")).unwrap_or(name);
        let AttemptLog { item, attempt, claim, .. } = self.recognise(Path::new(stem))?;
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let token = ClaimToken { item, number: claim };
        Some(Output { token, attempt, written_at: metadata.modified().ok()?, bytes: metadata.len() })
    }

    /// Moves the mark to `time`, never back.
    fn mark_pruned(&self, time: SystemTime) -> io::Result<()> {
        let path = self.dir.join(PRUNED);
        let marked = fs::metadata(&path).and_then(|metadata| metadata.modified());
        if marked.is_ok_and(|marked| marked >= time) {
            return Ok(());
        }
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?.set_modified(time)
    }

    fn remove(&self, victims: &[&Output], trouble: Option<io::Error>) -> Pruned {
        let mut pruned = Pruned { trouble, ..Pruned::default() };
        for output in victims {
            match remove_all(&self.log_of(output.token, output.attempt).path) {
                Ok(()) => {
                    pruned.outputs += 1;
                    pruned.bytes += output.bytes;
                }
                Err(error) => {
                    pruned.trouble.get_or_insert(error);
                }
            }
        }
        pruned
    }
}

/// An output, or a file of one.
#[derive(Debug)]
struct Output {
    token: ClaimToken,
    attempt: AttemptNumber,
    written_at: SystemTime,
    bytes: u64,
}

impl Output {
    fn belongs_to(&self, other: &Self) -> bool {
        (self.token, self.attempt) == (other.token, other.attempt)
    }

    /// Takes another file of the same output into account.
    fn absorb(&mut self, file: &Self) {
        self.written_at = self.written_at.max(file.written_at);
        self.bytes += file.bytes;
    }
}

/// What is to go, of outputs that are sorted by age, the oldest first; sorted in the same way.
fn victims<'a>(
    outputs: &'a [Output],
    retention: &Retention,
    now: SystemTime,
    is_kept: impl Fn(&Output) -> bool,
) -> Vec<&'a Output> {
    let oldest = retention.max_age.and_then(|age| now.checked_sub(age));
    let mut total: u64 = outputs.iter().map(|output| output.bytes).sum();
    let mut goes = |output: &&Output| {
        let is_old = oldest.is_some_and(|oldest| output.written_at < oldest);
        let is_too_much = retention.max_total.is_some_and(|most| total > most);
        let goes = (is_old || is_too_much) && !is_kept(output);
        total -= if goes { output.bytes } else { 0 };
        goes
    };
    outputs.iter().filter(|output| goes(output)).collect()
}

/// The file first: without it the rest is nobody's, and goes the next time where it does not go now.
fn remove_all(path: &Path) -> io::Result<()> {
    for path in [path, &tail_path(path), &new_tail_path(path)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
