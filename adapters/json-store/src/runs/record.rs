//! The contents of a run's lock file.

use std::path::Path;
use std::time::Duration;

use autoproc_domain::run_info::{Location, RunInfo};
use autoproc_domain::{FilePath, Recipe, RunId, Timestamp};
use autoproc_time_text::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Serialize)]
struct RunRecord<'a> {
    run_id: &'a str,
    /// The text `process PID on HOST`, for users and for version 1.
    owner: String,
    #[serde(with = "timestamp::required")]
    started_at: Timestamp,
    jobs: usize,
    max_attempts: u32,
    timeout_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<&'a str>,
    host: &'a str,
    boot_id: &'a str,
    pid_namespace: &'a str,
    pid: u32,
    project_dir: String,
    /// The bytes of a `project_dir` that is not UTF-8, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    project_dir_bytes: Option<String>,
}

pub(super) fn write(info: &RunInfo) -> Vec<u8> {
    let Location { host, boot, pid_namespace, pid, project } = &info.location;
    let record = RunRecord {
        run_id: info.id.as_str(),
        owner: info.location.to_string(),
        started_at: info.started_at,
        jobs: info.jobs,
        max_attempts: info.max_attempts,
        timeout_s: info.timeout.as_secs_f64(),
        recipe: info.recipe.map(|recipe| recipe.to_string()),
        work: info.work.as_deref(),
        host,
        boot_id: boot,
        pid_namespace,
        pid: *pid,
        project_dir: project.to_string_lossy().into_owned(),
        project_dir_bytes: FilePath::new(project).ok().and_then(|path| path.exact_hex()),
    };
    serde_json::to_vec(&record).unwrap_or_default()
}

/// A run's lock file. Any key may be missing or have an unexpected type.
#[derive(Debug, Default)]
pub(super) struct ReadRecord(Map<String, Value>);

impl ReadRecord {
    pub(super) fn read(json: &[u8]) -> Self {
        Self(serde_json::from_slice(json).unwrap_or_default())
    }

    /// True if version 1 wrote the file.
    pub(super) fn is_version_1(&self) -> bool {
        let has_location = ["host", "boot_id", "pid_namespace", "pid"].iter().any(|key| self.0.contains_key(*key));
        self.owner().is_some() && self.started_at().is_some() && !has_location
    }

    /// Returns the location of the run, or `None` if the file names no host. If the file names two
    /// hosts, the location matches neither.
    pub(super) fn location(&self) -> Option<Location> {
        let (pid, owners_host) = self.owner().unwrap_or_default();
        let named = Some(self.text("host")).filter(|host| !host.is_empty());
        let owners_host = Some(owners_host).filter(|host| !host.is_empty());
        let is_contradictory = named.zip(owners_host).is_some_and(|(host, other)| host != other);
        let host = match (named, owners_host) {
            (Some(host), Some(other)) if is_contradictory => format!("{other} or {host}").into(),
            (Some(host), _) | (None, Some(host)) => host.into(),
            (None, None) => return None,
        };
        let boot = if is_contradictory { "" } else { self.text("boot_id") };
        Some(Location {
            host,
            boot: boot.into(),
            pid_namespace: self.text("pid_namespace").into(),
            pid: self.number("pid").unwrap_or(pid),
            project: self.project(),
        })
    }

    pub(super) fn into_info(self, id: RunId) -> RunInfo {
        let location = self.location().unwrap_or_else(|| Location {
            host: "an unknown host".into(),
            boot: "".into(),
            pid_namespace: "".into(),
            pid: 0,
            project: self.project(),
        });
        let timeout = self.0.get("timeout_s").and_then(Value::as_f64).unwrap_or_default();
        RunInfo {
            id,
            started_at: self.started_at().unwrap_or(Timestamp::from_micros(0)),
            jobs: self.number("jobs").unwrap_or_default(),
            max_attempts: self.number("max_attempts").unwrap_or_default(),
            timeout: Duration::try_from_secs_f64(timeout).unwrap_or_default(),
            recipe: Recipe::from_hex(self.text("recipe")),
            work: Some(self.text("work")).filter(|work| !work.is_empty()).map(Into::into),
            location,
        }
    }

    fn owner(&self) -> Option<(u32, &str)> {
        let (pid, host) = self.text("owner").strip_prefix("process ")?.split_once(" on ")?;
        Some((pid.parse().unwrap_or(0), host))
    }

    fn started_at(&self) -> Option<Timestamp> {
        #[derive(Deserialize)]
        struct Begin {
            #[serde(with = "timestamp::required")]
            started_at: Timestamp,
        }
        let started_at = self.0.get("started_at")?.clone();
        let begin = serde_json::from_value(serde_json::json!({ "started_at": started_at })).ok();
        begin.map(|Begin { started_at }| started_at)
    }

    fn project(&self) -> Box<Path> {
        let (text, exact_hex) = (self.text("project_dir"), self.0.get("project_dir_bytes").and_then(Value::as_str));
        let exact = FilePath::from_text(text, exact_hex, Path::new("/"));
        exact.map_or_else(|_| Path::new(text).into(), |path| path.as_path().into())
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn number<T: TryFrom<u64>>(&self, key: &str) -> Option<T> {
        self.0.get(key).and_then(Value::as_u64)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn place(json: &str) -> Option<[String; 2]> {
        let location = ReadRecord::read(json.as_bytes()).location()?;
        Some([location.host.into(), location.boot.into()])
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
        let unknown = ReadRecord::default().into_info(RunId::new("night"));
        let started_at = Timestamp::from_micros(1_700_000_000_000_000);
        let (recipe, work) = (Some(Recipe::new([1; 8])), Some("wc -l \u{1b}".into()));
        let info = RunInfo { location: location.clone(), started_at, jobs: 2, recipe, work, ..unknown };
        let read = ReadRecord::read(&write(&info));
        assert!(!read.is_version_1());
        assert_eq!(read.location(), Some(location));
        assert_eq!(read.into_info(RunId::new("night")), info);
    }

    #[test]
    fn a_version_1_file_has_a_process_and_a_host() {
        let json = br#"{"run_id":"r","owner":"process 811 on vm","started_at":"2026-11-22T13:16:00.000000Z","jobs":1,
            "max_attempts":4,"timeout_s":300.0}"#;
        let read = ReadRecord::read(json);
        assert!(read.is_version_1());
        assert_eq!(read.location().map(|location| location.to_string()).as_deref(), Some("process 811 on vm"));
        assert_eq!(read.into_info(RunId::new("r")).jobs, 1);
    }

    #[test]
    fn any_readable_host_is_the_location() {
        let cases = [
            (r#"{"host":"far","boot_id":"1"}"#, ["far", "1"]),
            (r#"{"owner":"process 1 on far","jobs":"two"}"#, ["far", ""]),
            (r#"{"owner":"process 1 on far","host":5,"boot_id":"1"}"#, ["far", "1"]),
            (r#"{"owner":"process 1 on far","host":"here","boot_id":"1"}"#, ["far or here", ""]),
        ];
        for (json, expected) in cases {
            assert_eq!(place(json), Some(expected.map(str::to_owned)), "{json}");
        }
        for unreadable in ["", "{", "[1]", "{}", r#"{"owner":"a person","boot_id":"1"}"#] {
            assert_eq!(place(unreadable), None, "{unreadable}");
        }
    }
}
