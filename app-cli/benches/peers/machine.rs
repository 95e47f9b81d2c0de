//! The facts of the machine without which figures say nothing. No host name, no paths.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};

/// A machine, on a day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) taken_at: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Of the folder in which the queues stand.
    pub(crate) file_system: String,
    /// Of the minute before the measuring began: what else the machine was doing.
    pub(crate) load_before: Option<f64>,
}

impl Machine {
    /// This machine, now.
    ///
    /// # Errors
    /// The folder cannot be resolved, or the number of cores is not known.
    pub(crate) fn here(scratch: &Path) -> io::Result<Self> {
        let uname = rustix::system::uname();
        Ok(Self {
            taken_at: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            processor: fact("/proc/cpuinfo", "model name").unwrap_or_else(|| unknown(&uname)),
            cores: available_parallelism()?.get(),
            memory_mib: fact("/proc/meminfo", "MemTotal").and_then(|text| kibibytes(&text)).unwrap_or(0) / 1024,
            kernel: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
            file_system: file_system(&scratch.canonicalize()?),
            load_before: load_of_last_minute(),
        })
    }
}

fn unknown(uname: &rustix::system::Uname) -> String {
    uname.machine().to_string_lossy().into_owned()
}

/// The value of the first line `name : value` in a file of proc(5).
fn fact(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let (_, value) = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

fn kibibytes(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.trim().parse().ok()
}

fn load_of_last_minute() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// The type of the mount that holds a folder: of those whose point is a prefix of it, the longest. Of two on one point
/// the later one is on top (proc(5), mountinfo).
fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let holding = mounts.lines().filter_map(mount).filter(|(point, _)| folder.starts_with(point));
    holding.max_by_key(|(point, _)| point.len()).map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// Mount point and type of a line of mountinfo: the fifth field, and the first one after the lone hyphen.
fn mount(line: &str) -> Option<(&str, &str)> {
    let (before, after) = line.split_once(" - ")?;
    Some((before.split(' ').nth(4)?, after.split(' ').next()?))
}
