//! Prevents new attempts while the machine lacks resources.

mod memory;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::{BackPressure, StartGate};
use bytesize::ByteSize;
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use tokio::time::{Instant, sleep};

/// The maximum age of a measurement, and the interval between checks while no attempt may start.
/// The sum is the delay of one second that the `StartGate` port allows.
const MEASURE_INTERVAL: Duration = Duration::from_millis(500);

const LOADAVG_PATH: &str = "/proc/loadavg";

/// The conditions that must be met before an attempt starts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StartLimits {
    /// The limits on free disk space.
    pub disks: Vec<DiskLimit>,
    /// The minimum available memory, in bytes; 0 disables the limit.
    pub min_free_memory: u64,
    /// The maximum load average over the last minute; `None` disables the limit.
    pub max_load: Option<f64>,
    /// The folders that must be mount points.
    pub mounts: Vec<PathBuf>,
}

/// The minimum free space of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLimit {
    /// A folder on the disk. If it does not exist, its nearest existing ancestor is measured.
    pub folder: PathBuf,
    /// The minimum free space, in bytes; 0 disables the limit.
    pub min_free: u64,
    /// True if messages contain the name of this folder. False for the folder of the queue.
    pub is_named: bool,
}

/// A limit was set on a resource that the system does not report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmeasurable {
    /// The load average.
    #[error("this system reports no load average")]
    Load,
    /// The available memory.
    #[error("this system does not report its available memory")]
    Memory,
}

/// Prevents new attempts while one of its [`StartLimits`] is not met. The method `changed_from`
/// requires a tokio runtime with its time driver enabled.
pub struct MachineGate {
    limits: StartLimits,
    measure: Box<dyn Fn() -> Measurement + Send + Sync>,
    latest: Mutex<Option<Checked>>,
}

/// The measured resources; `None` if unlimited or unknown.
#[derive(Debug, Clone, Default, PartialEq)]
struct Measurement {
    free_disks: Vec<Option<u64>>,
    free_memory: Option<u64>,
    load: Option<f64>,
    /// The first missing mount, as an index into [`StartLimits::mounts`]; `None` if none is
    /// missing.
    missing_mount: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    /// An index into [`StartLimits::mounts`].
    Mount(usize),
    /// An index into [`StartLimits::disks`].
    Disk(usize),
    Memory,
    Load,
}

struct Checked {
    at: Instant,
    shortage: Option<(Resource, BackPressure)>,
}

impl MachineGate {
    /// Creates a gate with these limits.
    ///
    /// # Errors
    /// [`Unmeasurable`] if the system does not report a resource that has a limit.
    pub fn new(limits: StartLimits) -> Result<Self, Unmeasurable> {
        if limits.max_load.is_some() && load().is_none() {
            return Err(Unmeasurable::Load);
        }
        if limits.min_free_memory > 0 && memory::available().is_none() {
            return Err(Unmeasurable::Memory);
        }
        let limited = limits.clone();
        Ok(Self::measuring(limits, move || Measurement::of(&limited)))
    }

    fn measuring(limits: StartLimits, measure: impl Fn() -> Measurement + Send + Sync + 'static) -> Self {
        Self { limits, measure: Box::new(measure), latest: Mutex::default() }
    }
}

impl Measurement {
    fn of(limits: &StartLimits) -> Self {
        Self {
            free_disks: limits.disks.iter().map(|disk| free_disk(&disk.folder)).collect(),
            free_memory: (limits.min_free_memory > 0).then(memory::available).flatten(),
            load: limits.max_load.and_then(|_| load()),
            missing_mount: limits.mounts.iter().position(|folder| !is_mount_point(folder)),
        }
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
                Checked { at, shortage: self.limits.check(&(self.measure)(), previous) }
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
    /// Returns the first resource that violates its limit, and the reason as text. The same
    /// resource keeps its `previous` text, because a new text would be reported as a change.
    fn check(
        &self,
        measured: &Measurement,
        previous: Option<(Resource, BackPressure)>,
    ) -> Option<(Resource, BackPressure)> {
        let (resource, reason) = self.shortage(measured)?;
        let same = previous.filter(|(earlier, _)| *earlier == resource);
        Some(same.unwrap_or_else(|| (resource, BackPressure { reason: reason.into() })))
    }

    fn shortage(&self, measured: &Measurement) -> Option<(Resource, String)> {
        let disks = self.disks.iter().zip(&measured.free_disks).enumerate();
        let disk = disks.into_iter().find_map(|(index, (limit, free))| {
            let free = free.filter(|free| *free < limit.min_free)?;
            Some((Resource::Disk(index), limit.reason(free)))
        });
        let memory = || {
            let free = measured.free_memory.filter(|free| *free < self.min_free_memory)?;
            let reason = format!("{} of memory is available, {}", amount(free), required(self.min_free_memory));
            Some((Resource::Memory, reason))
        };
        let load = || {
            let (load, limit) = measured.load.zip(self.max_load).filter(|(load, limit)| load > limit)?;
            Some((Resource::Load, format!("the load average is {load}, above the limit of {limit}")))
        };
        let mount = || {
            let index = measured.missing_mount?;
            Some((Resource::Mount(index), format!("{} is not mounted", self.mounts.get(index)?.display())))
        };
        mount().or(disk).or_else(memory).or_else(load)
    }
}

impl DiskLimit {
    fn reason(&self, free: u64) -> String {
        let place = if self.is_named { format!(" for {}", self.folder.display()) } else { String::new() };
        format!("{} of disk space is free{place}, {}", amount(free), required(self.min_free))
    }
}

fn amount(bytes: u64) -> impl std::fmt::Display {
    ByteSize(bytes).display().si()
}

fn required(bytes: u64) -> String {
    format!("less than the required {}", amount(bytes))
}

fn free_disk(folder: &Path) -> Option<u64> {
    let stat = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// True if a file system is mounted on the folder. If statx(2) does not report mounts, compares
/// device numbers.
fn is_mount_point(folder: &Path) -> bool {
    match statx(CWD, folder, AtFlags::empty(), StatxFlags::BASIC_STATS) {
        Ok(status) if status.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) => {
            status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
        }
        _ => {
            let identity = |path: &Path| path.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
            let (own, above) = (identity(folder), identity(&folder.join("..")));
            // The root folder is its own parent.
            own.zip(above).is_some_and(|(own, above)| own.0 != above.0 || own == above)
        }
    }
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
        let disk = DiskLimit { folder: "/queue".into(), min_free: min_free_disk, is_named: false };
        StartLimits { disks: vec![disk], max_load, ..StartLimits::default() }
    }

    fn reason(limits: &StartLimits, free_disk: Option<u64>, load: Option<f64>) -> Option<String> {
        let measured = Measurement { free_disks: vec![free_disk], load, ..Measurement::default() };
        reason_of(limits, &measured)
    }

    fn reason_of(limits: &StartLimits, measured: &Measurement) -> Option<String> {
        limits.check(measured, None).map(|(_, pressure)| pressure.reason.into())
    }

    #[test]
    fn a_shortage_is_reported_with_its_figures() {
        let both = limits(256 * MB, Some(4.0));
        assert_eq!(reason(&both, Some(256 * MB), Some(4.0)), None);
        let disk = Some("255.0 MB of disk space is free, less than the required 256.0 MB".to_owned());
        assert_eq!(reason(&both, Some(255 * MB), Some(9.0)), disk);
        let load = Some("the load average is 4.01, above the limit of 4".to_owned());
        assert_eq!(reason(&both, Some(256 * MB), Some(4.01)), load);
    }

    #[test]
    fn each_disk_has_a_limit_of_its_own() {
        let mut all = limits(MB, None);
        all.disks.push(DiskLimit { folder: "/out".into(), min_free: 5 * MB, is_named: true });
        let free = |queue, out| Measurement { free_disks: vec![Some(queue), Some(out)], ..Measurement::default() };
        assert_eq!(reason_of(&all, &free(MB, 5 * MB)), None);
        let out = "4.0 MB of disk space is free for /out, less than the required 5.0 MB";
        assert_eq!(reason_of(&all, &free(MB, 4 * MB)).as_deref(), Some(out));
        assert!(reason_of(&all, &free(0, 0)).is_some_and(|reason| !reason.contains("/out")));
    }

    #[test]
    fn memory_is_limited() {
        let limits = StartLimits { min_free_memory: 100 * MB, ..StartLimits::default() };
        let free = |bytes| Measurement { free_memory: Some(bytes), ..Measurement::default() };
        assert_eq!(reason_of(&limits, &free(100 * MB)), None);
        let short = "99.0 MB of memory is available, less than the required 100.0 MB";
        assert_eq!(reason_of(&limits, &free(99 * MB)).as_deref(), Some(short));
    }

    #[test]
    fn mounts_are_required() {
        assert!(is_mount_point(Path::new("/")));
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!is_mount_point(folder.path()) && !is_mount_point(&folder.path().join("missing")));
        let mounts = vec!["/".into(), folder.path().to_owned()];
        let limits = StartLimits { mounts, ..StartLimits::default() };
        let reason = reason_of(&limits, &Measurement::of(&limits));
        assert_eq!(reason, Some(format!("{} is not mounted", folder.path().display())));
    }

    #[test]
    fn no_limit_or_no_measurement_holds_nothing() {
        assert_eq!(reason(&limits(0, None), Some(0), Some(999.0)), None);
        assert_eq!(reason(&limits(u64::MAX, Some(0.0)), None, None), None);
    }

    #[test]
    fn this_machine_can_be_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        let not_yet = folder.path().join("not/yet/there");
        let gate = |mut limits: StartLimits| {
            limits.disks[0].folder.clone_from(&not_yet);
            MachineGate::new(limits).expect("it can be measured").pressure()
        };
        assert!(gate(StartLimits { min_free_memory: u64::MAX, ..limits(0, None) }).is_some());
        assert_eq!(gate(StartLimits { min_free_memory: 1, ..limits(0, None) }), None);
        assert_eq!(gate(limits(1, Some(1e9))), None);
        assert!(gate(limits(u64::MAX, None)).is_some());
        assert!(gate(limits(0, Some(-1.0))).is_some());
    }

    fn scripted(limit: u64) -> (MachineGate, Arc<AtomicU64>, Arc<AtomicU64>) {
        let (free, count) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (free_now, counter) = (free.clone(), count.clone());
        let gate = MachineGate::measuring(limits(limit, None), move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Measurement { free_disks: vec![Some(free_now.load(Ordering::Relaxed))], ..Measurement::default() }
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
