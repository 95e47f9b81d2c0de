//! The start gate: nothing new while the disk is nearly full or the machine has too much to do.
//!
//! # Theory of operation
//!
//! A look at the machine is two system calls. It is kept for half a second, so that a run which starts a hundred files a
//! second does not look a hundred times. What a look means is a pure function of the limits and the figures.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::{Hold, StartGate};
use bytesize::ByteSize;
use tokio::time::{Instant, sleep};

/// How old a look at the machine may be, and how long to wait before another while starts are held: together within the
/// second that the `StartGate` port gives.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Where Linux keeps the machine's load (`proc_loadavg(5)`).
const LOAD: &str = "/proc/loadavg";

/// What a machine must have to spare before anything new is started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StartLimits {
    /// Bytes free for us on the file system of the state folder; 0 turns the limit off.
    pub min_free_disk: u64,
    /// The most processes that were ready to run, on average over the last minute; `None` turns the limit off.
    pub max_load: Option<f64>,
}

/// This system does not tell its load: run without a limit to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this system does not tell how busy it is")]
pub struct LoadUnknown;

/// Holds starts back by the free disk and the load. Waiting needs a tokio runtime with its time driver enabled.
pub struct MachineGate {
    limits: StartLimits,
    measure: Box<dyn Fn() -> Measured + Send + Sync>,
    looked: Mutex<Option<Looked>>,
}

/// What a look at the machine shows; `None` where it cannot be found out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Measured {
    free_disk: Option<u64>,
    load: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Short {
    Disk,
    Load,
}

/// The latest look, and what it meant.
struct Looked {
    at: Instant,
    short: Option<(Short, Hold)>,
}

impl MachineGate {
    /// A gate for runs whose state is kept in `folder`, which need not be there yet.
    ///
    /// # Errors
    /// [`LoadUnknown`] where the load is to be limited and the system does not tell it.
    pub fn new(folder: impl Into<PathBuf>, limits: StartLimits) -> Result<Self, LoadUnknown> {
        if limits.max_load.is_some() && load().is_none() {
            return Err(LoadUnknown);
        }
        let folder = folder.into();
        Ok(Self::measuring(limits, move || Measured { free_disk: free_disk(&folder), load: load() }))
    }

    fn measuring(limits: StartLimits, measure: impl Fn() -> Measured + Send + Sync + 'static) -> Self {
        Self { limits, measure: Box::new(measure), looked: Mutex::default() }
    }
}

#[async_trait]
impl StartGate for MachineGate {
    fn hold(&self) -> Option<Hold> {
        // A panic elsewhere leaves at worst an old look.
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, before) = (Instant::now(), looked.take());
        let latest = match before {
            Some(fresh) if at.duration_since(fresh.at) < LOOK_EVERY => fresh,
            before => Looked { at, short: self.limits.look((self.measure)(), before.and_then(|before| before.short)) },
        };
        let hold = latest.short.as_ref().map(|(_, hold)| hold.clone());
        *looked = Some(latest);
        hold
    }

    async fn changed_from(&self, _before: Hold) {
        sleep(LOOK_EVERY).await;
    }
}

impl StartLimits {
    /// What the figures mean. While the same thing stays short its figure stays the first one: a reason that changes with
    /// every look would be told with every look.
    fn look(self, measured: Measured, before: Option<(Short, Hold)>) -> Option<(Short, Hold)> {
        let (short, reason) = self.shortage(measured)?;
        let same = before.filter(|(earlier, _)| *earlier == short);
        Some(same.unwrap_or_else(|| (short, Hold { reason: reason.into() })))
    }

    fn shortage(self, Measured { free_disk, load }: Measured) -> Option<(Short, String)> {
        if let Some(free) = free_disk.filter(|free| *free < self.min_free_disk) {
            let (free, limit) = (ByteSize(free).display().si(), ByteSize(self.min_free_disk).display().si());
            return Some((Short::Disk, format!("{free} of disk are free, and {limit} must be")));
        }
        let (load, limit) = load.zip(self.max_load).filter(|(load, limit)| load > limit)?;
        Some((Short::Load, format!("the machine's load is {load}, and {limit} is the most")))
    }
}

/// What is free for us, and not for the administrator alone, where the folder is or will be.
fn free_disk(folder: &Path) -> Option<u64> {
    let found = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

fn load() -> Option<f64> {
    std::fs::read_to_string(LOAD).ok()?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const MB: u64 = 1_000_000;

    fn limits(min_free_disk: u64, max_load: Option<f64>) -> StartLimits {
        StartLimits { min_free_disk, max_load }
    }

    fn reason(limits: StartLimits, free_disk: Option<u64>, load: Option<f64>) -> Option<String> {
        limits.look(Measured { free_disk, load }, None).map(|(_, hold)| hold.reason.into())
    }

    #[test]
    fn what_is_short_is_said_with_its_figures() {
        let both = limits(256 * MB, Some(4.0));
        assert_eq!(reason(both, Some(256 * MB), Some(4.0)), None);
        let disk = Some("255.0 MB of disk are free, and 256.0 MB must be".to_owned());
        assert_eq!(reason(both, Some(255 * MB), Some(9.0)), disk);
        let load = Some("the machine's load is 4.01, and 4 is the most".to_owned());
        assert_eq!(reason(both, Some(256 * MB), Some(4.01)), load);
    }

    #[test]
    fn no_limit_and_no_figure_hold_nothing_back() {
        assert_eq!(reason(limits(0, None), Some(0), Some(999.0)), None);
        assert_eq!(reason(limits(u64::MAX, Some(0.0)), None, None), None);
    }

    #[test]
    fn this_machine_tells_what_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let not_yet = folder.path().join("not/yet/there");
        let gate = |limits| MachineGate::new(&not_yet, limits).expect("the load is told").hold();
        assert_eq!(gate(limits(1, Some(1e9))), None);
        assert!(gate(limits(u64::MAX, None)).is_some());
        assert!(gate(limits(0, Some(-1.0))).is_some());
    }

    /// A gate on a disk whose free bytes the test sets, and how often it was looked at.
    fn scripted(limit: u64) -> (MachineGate, Arc<AtomicU64>, Arc<AtomicU64>) {
        let (free, looks) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (now_free, looked) = (free.clone(), looks.clone());
        let gate = MachineGate::measuring(limits(limit, None), move || {
            looked.fetch_add(1, Ordering::Relaxed);
            Measured { free_disk: Some(now_free.load(Ordering::Relaxed)), load: None }
        });
        (gate, free, looks)
    }

    #[tokio::test(start_paused = true)]
    async fn it_looks_at_most_twice_a_second() {
        let (gate, _, looks) = scripted(1);
        for _ in 0..1000 {
            let _ = gate.hold();
            sleep(Duration::from_millis(10)).await;
        }
        let looks = looks.load(Ordering::Relaxed);
        assert!((19..=20).contains(&looks), "{looks} looks in ten seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_within_a_second_and_keeps_its_reason_until_then() {
        for late in 0..10 {
            let (gate, free, _) = scripted(100 * MB);
            let first = gate.hold().expect("shut");
            sleep(Duration::from_millis(late * 70)).await;
            free.store(99 * MB, Ordering::Relaxed);
            gate.changed_from(first.clone()).await;
            assert_eq!(gate.hold(), Some(first.clone()), "another figure is no other reason");
            free.store(100 * MB, Ordering::Relaxed);
            let opened = Instant::now();
            while gate.hold().is_some() {
                gate.changed_from(first.clone()).await;
            }
            assert!(opened.elapsed() <= Duration::from_secs(1), "{:?}", opened.elapsed());
        }
    }
}
