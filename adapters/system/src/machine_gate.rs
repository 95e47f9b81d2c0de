//! The start gate: no new starts while the disk is nearly full or the load is too high.
//!
//! # Theory of operation
//!
//! A measurement reads the free disk space and the load average. It is cached for half a second,
//! because a run may start a hundred files a second. A pure function compares the measurement with
//! the limits and decides whether starts are held.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::{BackPressure, StartGate};
use bytesize::ByteSize;
use tokio::time::{Instant, sleep};

/// The maximum age of a measurement. While starts are held, also the wait before the next
/// measurement. The sum of both is the delay of one second that the `StartGate` port allows.
const MEASURE_INTERVAL: Duration = Duration::from_millis(500);

/// The file with Linux's load averages (`proc_loadavg(5)`).
const LOADAVG_PATH: &str = "/proc/loadavg";

/// The conditions that must be met before an attempt starts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StartLimits {
    /// The minimum free space, in bytes, on the file system of the state folder; 0 disables the
    /// limit.
    pub min_free_disk: u64,
    /// The maximum load average over the last minute; `None` disables the limit.
    pub max_load: Option<f64>,
}

/// The system reports no load average, so a load limit cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this system reports no load average")]
pub struct LoadUnknown;

/// A start gate that holds starts while free disk space is too small or the load average too high.
/// Waiting requires a tokio runtime with its time driver enabled.
pub struct MachineGate {
    limits: StartLimits,
    measure: Box<dyn Fn() -> Measurement + Send + Sync>,
    latest: Mutex<Option<Checked>>,
}

/// The measured resources of the machine; a field is `None` if the system does not report it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Measurement {
    free_disk: Option<u64>,
    load: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Disk,
    Load,
}

struct Checked {
    at: Instant,
    shortage: Option<(Resource, BackPressure)>,
}

impl MachineGate {
    /// Creates a gate that measures the file system of `folder`. The folder need not exist yet.
    ///
    /// # Errors
    /// [`LoadUnknown`] if there is a load limit but the system reports no load.
    pub fn new(folder: impl Into<PathBuf>, limits: StartLimits) -> Result<Self, LoadUnknown> {
        if limits.max_load.is_some() && load().is_none() {
            return Err(LoadUnknown);
        }
        let folder = folder.into();
        Ok(Self::measuring(limits, move || Measurement { free_disk: free_disk(&folder), load: load() }))
    }

    fn measuring(limits: StartLimits, measure: impl Fn() -> Measurement + Send + Sync + 'static) -> Self {
        Self { limits, measure: Box::new(measure), latest: Mutex::default() }
    }
}

#[async_trait]
impl StartGate for MachineGate {
    fn pressure(&self) -> Option<BackPressure> {
        // A poisoned lock is usable: at worst, `latest` is empty, and a new measurement is made.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Instant::now();
        let checked = match latest.take() {
            Some(fresh) if at.duration_since(fresh.at) < MEASURE_INTERVAL => fresh,
            previous => {
                let previous = previous.and_then(|checked| checked.shortage);
                Checked { at, shortage: self.limits.check((self.measure)(), previous) }
            }
        };
        let pressure = checked.shortage.as_ref().map(|(_, pressure)| pressure.clone());
        *latest = Some(checked);
        pressure
    }

    async fn changed_from(&self, _before: Option<BackPressure>) {
        sleep(MEASURE_INTERVAL).await;
    }
}

impl StartLimits {
    /// Returns the resource that is short, with the reason; `None` if neither is. While the same
    /// resource stays short, the previous reason is returned, because each new reason would be
    /// reported as a change.
    fn check(
        self,
        measured: Measurement,
        previous: Option<(Resource, BackPressure)>,
    ) -> Option<(Resource, BackPressure)> {
        let (resource, reason) = self.shortage(measured)?;
        let same = previous.filter(|(earlier, _)| *earlier == resource);
        Some(same.unwrap_or_else(|| (resource, BackPressure { reason: reason.into() })))
    }

    fn shortage(self, Measurement { free_disk, load }: Measurement) -> Option<(Resource, String)> {
        if let Some(free) = free_disk.filter(|free| *free < self.min_free_disk) {
            let (free, limit) = (ByteSize(free).display().si(), ByteSize(self.min_free_disk).display().si());
            return Some((Resource::Disk, format!("{free} of disk space is free, less than the required {limit}")));
        }
        let (load, limit) = load.zip(self.max_load).filter(|(load, limit)| load > limit)?;
        Some((Resource::Load, format!("the load average is {load}, above the limit of {limit}")))
    }
}

/// Returns the number of bytes that unprivileged users can still write on the file system of
/// `folder`. If the folder does not exist, its nearest existing ancestor is measured.
fn free_disk(folder: &Path) -> Option<u64> {
    let stat = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn load() -> Option<f64> {
    std::fs::read_to_string(LOADAVG_PATH).ok()?.split_whitespace().next()?.parse().ok()
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
        limits.check(Measurement { free_disk, load }, None).map(|(_, pressure)| pressure.reason.into())
    }

    #[test]
    fn a_shortage_is_reported_with_its_figures() {
        let both = limits(256 * MB, Some(4.0));
        assert_eq!(reason(both, Some(256 * MB), Some(4.0)), None);
        let disk = Some("255.0 MB of disk space is free, less than the required 256.0 MB".to_owned());
        assert_eq!(reason(both, Some(255 * MB), Some(9.0)), disk);
        let load = Some("the load average is 4.01, above the limit of 4".to_owned());
        assert_eq!(reason(both, Some(256 * MB), Some(4.01)), load);
    }

    #[test]
    fn no_limit_or_no_measurement_holds_nothing() {
        assert_eq!(reason(limits(0, None), Some(0), Some(999.0)), None);
        assert_eq!(reason(limits(u64::MAX, Some(0.0)), None, None), None);
    }

    #[test]
    fn this_machine_can_be_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        let not_yet = folder.path().join("not/yet/there");
        let gate = |limits| MachineGate::new(&not_yet, limits).expect("a load average").pressure();
        assert_eq!(gate(limits(1, Some(1e9))), None);
        assert!(gate(limits(u64::MAX, None)).is_some());
        assert!(gate(limits(0, Some(-1.0))).is_some());
    }

    /// Returns a gate on a disk whose free bytes the test sets, and the number of measurements.
    fn scripted(limit: u64) -> (MachineGate, Arc<AtomicU64>, Arc<AtomicU64>) {
        let (free, count) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (free_now, counter) = (free.clone(), count.clone());
        let gate = MachineGate::measuring(limits(limit, None), move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Measurement { free_disk: Some(free_now.load(Ordering::Relaxed)), load: None }
        });
        (gate, free, count)
    }

    #[tokio::test(start_paused = true)]
    async fn it_measures_at_most_twice_a_second() {
        let (gate, _, count) = scripted(1);
        for _ in 0..1000 {
            let _ = gate.pressure();
            sleep(Duration::from_millis(10)).await;
        }
        let count = count.load(Ordering::Relaxed);
        assert!((19..=20).contains(&count), "{count} measurements in ten seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_within_a_second_and_keeps_its_reason_until_then() {
        for late in 0..10 {
            let (gate, free, _) = scripted(100 * MB);
            let first = gate.pressure().expect("shut");
            sleep(Duration::from_millis(late * 70)).await;
            free.store(99 * MB, Ordering::Relaxed);
            gate.changed_from(Some(first.clone())).await;
            assert_eq!(gate.pressure(), Some(first.clone()), "a new figure does not change the reason");
            free.store(100 * MB, Ordering::Relaxed);
            let opened = Instant::now();
            while gate.pressure().is_some() {
                gate.changed_from(Some(first.clone())).await;
            }
            assert!(opened.elapsed() <= Duration::from_secs(1), "{:?}", opened.elapsed());
        }
    }
}
