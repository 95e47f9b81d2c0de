//! The contents of a run's lock file.

use std::path::Path;
use std::time::Duration;

use autoproc_domain::run_info::{Location, RunInfo};
use autoproc_domain::{FilePath, RunId, Timestamp};
use autoproc_time_text::timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunRecord {
    run_id: String,
    /// For people: `process PID on HOST`. A version 1 file has no other location.
    owner: String,
    #[serde(with = "timestamp::required")]
    started_at: Timestamp,
    jobs: usize,
    max_attempts: u32,
    timeout_s: f64,
    #[serde(flatten, default)]
    location: Option<LocationRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LocationRecord {
    host: Box<str>,
    boot_id: Box<str>,
    pid_namespace: Box<str>,
    pid: u32,
    project_dir: String,
    /// The exact bytes in hexadecimal, if the path is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project_dir_bytes: Option<String>,
}

impl From<&RunInfo> for RunRecord {
    fn from(info: &RunInfo) -> Self {
        Self {
            run_id: info.id.as_str().to_owned(),
            owner: info.location.to_string(),
            started_at: info.started_at,
            jobs: info.jobs,
            max_attempts: info.max_attempts,
            timeout_s: info.timeout.as_secs_f64(),
            location: Some(LocationRecord::from(&info.location)),
        }
    }
}

impl From<&Location> for LocationRecord {
    fn from(location: &Location) -> Self {
        let exact = FilePath::new(&location.project).ok().and_then(|path| path.exact_hex());
        Self {
            host: location.host.clone(),
            boot_id: location.boot.clone(),
            pid_namespace: location.pid_namespace.clone(),
            pid: location.pid,
            project_dir: location.project.to_string_lossy().into_owned(),
            project_dir_bytes: exact,
        }
    }
}

impl From<LocationRecord> for Location {
    fn from(record: LocationRecord) -> Self {
        let LocationRecord { host, boot_id, pid_namespace, pid, project_dir, project_dir_bytes } = record;
        let exact = FilePath::from_text(&project_dir, project_dir_bytes.as_deref(), Path::new("/"));
        let project = exact.map_or_else(|_| Path::new(&project_dir).into(), |path| path.as_path().into());
        Self { host, boot: boot_id, pid_namespace, pid, project }
    }
}

impl RunRecord {
    /// The location, unless a version 1 wrote the file.
    pub(super) fn into_location(self) -> Option<Location> {
        self.location.map(Location::from)
    }

    pub(super) fn into_info(self, id: RunId) -> RunInfo {
        let Self { owner, started_at, jobs, max_attempts, timeout_s, location, .. } = self;
        let location = location.map_or_else(|| from_owner(&owner), Location::from);
        let timeout = Duration::try_from_secs_f64(timeout_s).unwrap_or_default();
        RunInfo { id, started_at, jobs, max_attempts, timeout, location }
    }
}

/// The description of a live run whose file is unreadable.
pub(super) fn unknown(id: RunId) -> RunInfo {
    let started_at = Timestamp::from_micros(0);
    let location = from_owner("");
    RunInfo { id, started_at, jobs: 0, max_attempts: 0, timeout: Duration::ZERO, location }
}

/// The parts of a location that version 1 recorded.
fn from_owner(owner: &str) -> Location {
    let parts = owner.strip_prefix("process ").and_then(|rest| rest.split_once(" on "));
    let (pid, host) = parts.unwrap_or(("0", "an unknown host"));
    Location {
        host: host.into(),
        boot: "".into(),
        pid_namespace: "".into(),
        pid: pid.parse().unwrap_or(0),
        project: Path::new("").into(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn read(json: &[u8]) -> RunRecord {
        serde_json::from_slice(json).expect("a record")
    }

    #[test]
    fn a_run_comes_back_exactly() {
        let location = Location {
            host: "vm".into(),
            boot: "5c7b19ea".into(),
            pid_namespace: "pid:[4026531836]".into(),
            pid: 815,
            project: Path::new(OsStr::from_bytes(b"/srv/\xff")).into(),
        };
        let info = RunInfo { location: location.clone(), jobs: 2, ..unknown(RunId::new("night")) };
        let json = serde_json::to_vec(&RunRecord::from(&info)).expect("JSON");
        assert_eq!(read(&json).into_location(), Some(location));
        assert_eq!(read(&json).into_info(RunId::new("night")), info);
    }

    #[test]
    fn a_version_1_file_has_a_process_and_a_host() {
        let json = br#"{"run_id":"r","owner":"process 811 on vm","started_at":"2026-11-22T13:16:00.000000Z","jobs":1,
            "max_attempts":4,"timeout_s":300.0}"#;
        assert_eq!(read(json).into_location(), None);
        assert_eq!(read(json).into_info(RunId::new("r")).location.to_string(), "process 811 on vm");
    }
}
