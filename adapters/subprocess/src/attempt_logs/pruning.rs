//! Removes old attempt outputs by age and by total size.
//!
//! The empty file `pruned` has the modification time of the newest output ever removed. This time
//! is set before the removal. An attempt that ended later and has no file had no output. The output
//! of an earlier attempt may have been removed.

use std::fs::{self, DirEntry, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_regular_file as regular_file;

use crate::attempt_logs::{AttemptLog, AttemptLogs};
use crate::bounded_log::{new_tail_path, streams_path, tail_path};

const SUFFIXES: [&str; 3] = [".tail.new", ".tail", ".streams"];

/// An empty file with the modification time of the newest removed output.
const PRUNED: &str = "pruned";

/// An empty file. Its modification time is the time of the last recorded age check.
const LOOKED: &str = "looked";

/// The minimum time between two recorded age checks. A wrong clock at boot is usually corrected
/// within this time.
const LOOKS_APART: Duration = Duration::from_secs(3600);

/// The tolerance for file times. File times lag by up to one clock tick, at most 10 ms (time(7),
/// "HZ").
const CLOCK_SLACK: Duration = Duration::from_millis(100);

/// The limits for old output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The maximum age of an output, counted from its last modification. An older output is removed
    /// once two checks, at least an hour apart, have found it too old. `None` sets no limit.
    pub max_age: Option<Duration>,
    /// The maximum total length of all outputs, in bytes. Above this limit, the oldest outputs are
    /// removed. `None` sets no limit.
    pub max_total: Option<u64>,
}

/// The default keeps 30 days and 1 GiB.
impl Default for Retention {
    fn default() -> Self {
        Self { max_age: Some(Duration::from_secs(30 * 24 * 3600)), max_total: Some(1024 * 1024 * 1024) }
    }
}

/// The result of [`AttemptLogs::prune`].
#[derive(Debug, Default)]
pub struct Pruned {
    /// The number of outputs removed.
    pub outputs: usize,
    /// The total length of the removed outputs, in bytes.
    pub bytes: u64,
    /// The first error in removing an output or in updating the file `pruned`. After an error, the
    /// remaining outputs are still removed where possible.
    pub first_error: Option<io::Error>,
}

impl AttemptLogs {
    /// Removes the outputs that exceed the limits of `retention`. Keeps outputs for which `keep` is
    /// true, which must be the case for all running attempts. Also keeps outputs modified after
    /// `now`, or at most 0.1 s before it. The caller must read `now` before it determines the
    /// running attempts.
    ///
    /// # Errors
    /// If the folder exists and cannot be read.
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
        let oldest = retention.max_age.and_then(|max_age| self.confirmed_now(now)?.checked_sub(max_age));
        let victims = victims(&outputs, oldest, retention.max_total, is_kept);
        // Outputs are removed even if the time of `pruned` cannot be set, for instance on a full
        // disk.
        let marked = victims.last().map_or(Ok(()), |newest| self.mark_pruned(newest.written_at));
        Ok(self.remove(&victims, marked.err()))
    }

    /// Returns the modification time of the newest output ever removed, plus a tolerance. Returns
    /// `None` if no output was ever removed.
    ///
    /// # Errors
    /// If the time cannot be read.
    pub fn pruned_until(&self) -> io::Result<Option<SystemTime>> {
        match fs::metadata(self.dir.join(PRUNED)) {
            Ok(metadata) => metadata.modified().map(|time| Some(time + CLOCK_SLACK)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the earlier of `now` and the time of the previous age check. Returns `None` if the
    /// previous check is missing or less than an hour old, or if this check cannot be recorded.
    /// Records this check unless the previous one is less than an hour old. A single check is not
    /// enough: a clock that is far ahead would remove all outputs.
    fn confirmed_now(&self, now: SystemTime) -> Option<SystemTime> {
        let previous = fs::metadata(self.dir.join(LOOKED)).and_then(|metadata| metadata.modified()).ok();
        let is_confirmed = previous.is_some_and(|previous| now < previous || now >= previous + LOOKS_APART);
        if (is_confirmed || previous.is_none()) && self.set_time(LOOKED, now).is_err() {
            return None;
        }
        previous.filter(|_| is_confirmed).map(|previous| previous.min(now))
    }

    fn set_time(&self, name: &str, time: SystemTime) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        regular_file::open_or_create(&mut options, &self.dir.join(name))?.set_modified(time)
    }

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

    fn output(&self, entry: &DirEntry) -> Option<Output> {
        let name = entry.file_name();
        let name = name.to_str()?;
        let stem = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        let AttemptLog { item, attempt, claim, .. } = self.parse_name(Path::new(stem))?;
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let token = ClaimToken { item, number: claim };
        Some(Output { token, attempt, written_at: metadata.modified().ok()?, bytes: metadata.len() })
    }

    fn mark_pruned(&self, time: SystemTime) -> io::Result<()> {
        let marked = fs::metadata(self.dir.join(PRUNED)).and_then(|metadata| metadata.modified());
        if marked.is_ok_and(|marked| marked >= time) { Ok(()) } else { self.set_time(PRUNED, time) }
    }

    fn remove(&self, victims: &[&Output], first_error: Option<io::Error>) -> Pruned {
        let mut pruned = Pruned { first_error, ..Pruned::default() };
        for output in victims {
            match remove_all(&self.log_of(output.token, output.attempt).path) {
                Ok(()) => {
                    pruned.outputs += 1;
                    pruned.bytes += output.bytes;
                }
                Err(error) => {
                    pruned.first_error.get_or_insert(error);
                }
            }
        }
        pruned
    }
}

/// One or more files of the same output.
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

    fn absorb(&mut self, file: &Self) {
        self.written_at = self.written_at.max(file.written_at);
        self.bytes += file.bytes;
    }
}

/// Selects the outputs to remove. `outputs` must be sorted, the oldest first.
fn victims(
    outputs: &[Output],
    oldest: Option<SystemTime>,
    max_total: Option<u64>,
    is_kept: impl Fn(&Output) -> bool,
) -> Vec<&Output> {
    let mut total: u64 = outputs.iter().map(|output| output.bytes).sum();
    let mut is_removed = |output: &&Output| {
        let is_old = oldest.is_some_and(|oldest| output.written_at < oldest);
        let is_too_much = max_total.is_some_and(|most| total > most);
        let removed = (is_old || is_too_much) && !is_kept(output);
        total -= if removed { output.bytes } else { 0 };
        removed
    };
    outputs.iter().filter(|output| is_removed(output)).collect()
}

/// Removes the main file of an output first. After a crash, a later pruning removes the other
/// files.
fn remove_all(path: &Path) -> io::Result<()> {
    for path in [path, &tail_path(path), &new_tail_path(path), &streams_path(path)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
