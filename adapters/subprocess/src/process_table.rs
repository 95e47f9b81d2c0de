//! What the system says of its processes, read from `/proc` (proc(5)).
//!
//! # Identity
//!
//! A process number is given away again once its process is reaped; together with the moment the process started, in ticks
//! since the boot, it names one process for as long as the system is up. [`ProcessId`] is that pair, and everything that
//! signals by number compares both right before it does.
//!
//! # Limits
//!
//! A reading of all processes is no snapshot of one moment: who forks while it is made may be in it or not. Whoever must
//! know that nothing is left reads again until nothing new turns up.
//!
//! Deliberately absent: the `procfs` crate. Eight of the fifty fields of one file are needed here, and the exact bytes of
//! the environment, which that crate cuts into pairs of strings.
//!
//! Where there is no `/proc` every function answers with an error or with nothing.

mod birth;
mod marker;
mod signal;
mod stat;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

pub(crate) use birth::{Births, in_one_tick};
pub use marker::{Marker, RUN_VARIABLE};
pub use signal::{Signalled, kill, signal};

/// One process, and no later one that is given the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since the boot: field 22 of `/proc/<pid>/stat`.
    pub started: u64,
}

/// A process, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Who it is.
    pub id: ProcessId,
    /// What its program calls itself; cut by the system to 15 bytes, any bytes.
    pub name: Box<[u8]>,
    /// The number of its parent; 0 for none that is visible here.
    pub parent: i32,
    /// Its process group; 0 for none that is visible here.
    pub group: i32,
    /// Its session; 0 for none that is visible here.
    pub session: i32,
    /// Whether it has ended and only waits to be reaped.
    pub is_zombie: bool,
}

/// All processes at about one moment.
#[derive(Debug, Clone, Default)]
pub struct Processes(HashMap<i32, Process>);

/// What the system says of the process with this number.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] where there is none; others as the system gives them; [`io::ErrorKind::InvalidData`] where
/// its answer has not the form of proc(5).
pub fn read(pid: i32) -> io::Result<Process> {
    // The system writes the line anew for every read from its beginning, so one read that has room for it gets it whole.
    let mut line = [0; stat::LONGEST];
    let length = File::open(format!("/proc/{pid}/stat")).and_then(|mut file| file.read(&mut line)).map_err(gone)?;
    stat::parse(&line[..length])
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not the form of /proc/<pid>/stat"))
}

/// Whether the process lives: not another with its number, and not its zombie.
#[must_use]
pub fn lives(id: ProcessId) -> bool {
    read(id.pid).is_ok_and(|process| process.id == id && !process.is_zombie)
}

/// Whether the process with this number is the one that started then; it may be a zombie.
#[must_use]
pub fn is_same(pid: i32, started: u64) -> bool {
    read(pid).is_ok_and(|process| process.id.started == started)
}

/// All that descends from the process with this number, without itself, parents first, zombies included.
///
/// Quick, because it asks the kernel for the children alone where it tells them (`CONFIG_PROC_CHILDREN`); but a child may
/// be missed while others end (proc(5)). Call again until nothing is left, or see [`Processes`].
///
/// # Errors
/// Where neither the children nor all processes can be read.
pub fn descendants_of(pid: i32) -> io::Result<Vec<Process>> {
    if !PathBuf::from("/proc/self/task").join(own_pid().to_string()).join("children").exists() {
        return Ok(Processes::read()?.descendants_of(pid));
    }
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for child in children_of(parent) {
            // Somebody who is born and adopted while we look may turn up in two places.
            if child != pid
                && !found.iter().any(|known| known.id.pid == child)
                && let Ok(process) = read(child)
            {
                found.push(process);
                parents.push(child);
            }
        }
    }
    Ok(found)
}

/// This process.
///
/// # Errors
/// Where there is no `/proc`.
pub fn own() -> io::Result<Process> {
    read(own_pid())
}

/// What names the time since the system last started (random(4)).
///
/// # Errors
/// Where there is no `/proc`.
pub fn boot_id() -> io::Result<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned())
}

/// What names the namespace in which our process numbers have their meaning (`pid_namespaces(7)`).
///
/// # Errors
/// Where there is no `/proc`.
pub fn pid_namespace() -> io::Result<String> {
    std::fs::read_link("/proc/self/ns/pid").map(|name| name.to_string_lossy().into_owned())
}

impl Process {
    /// Its number and name, for a person to read.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("process {} ({})", self.id.pid, self.name.escape_ascii())
    }
}

impl Processes {
    /// Reads all of them. Those that end meanwhile may be missing.
    ///
    /// # Errors
    /// Where `/proc` cannot be listed.
    pub fn read() -> io::Result<Self> {
        let entries = std::fs::read_dir("/proc")?;
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(numbers.filter_map(|pid| read(pid).ok()).collect())
    }

    /// The process with this number.
    #[must_use]
    pub fn get(&self, pid: i32) -> Option<&Process> {
        self.0.get(&pid)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.0.values()
    }

    /// All that descends from the process with this number, without itself, parents first, zombies included.
    #[must_use]
    pub fn descendants_of(&self, pid: i32) -> Vec<Process> {
        let mut children: HashMap<i32, Vec<&Process>> = HashMap::new();
        for process in self.iter().filter(|process| process.id.pid != process.parent) {
            children.entry(process.parent).or_default().push(process);
        }
        let mut found: Vec<Process> = Vec::new();
        let mut parents = vec![pid];
        while let Some(parent) = parents.pop() {
            // Taken out, so that a circle which changes made while we read would end as well.
            for child in children.remove(&parent).unwrap_or_default().into_iter().filter(|child| child.id.pid != pid) {
                found.push(child.clone());
                parents.push(child.id.pid);
            }
        }
        found
    }

    /// The process with this number, its parent, and so on to the first; those of them that are here.
    #[must_use]
    pub fn lineage_of(&self, pid: i32) -> Vec<ProcessId> {
        let mut line = Vec::new();
        let mut next = self.get(pid);
        while let Some(process) = next.filter(|process| !line.contains(&process.id)) {
            line.push(process.id);
            next = self.get(process.parent);
        }
        line
    }
}

impl FromIterator<Process> for Processes {
    fn from_iter<I: IntoIterator<Item = Process>>(processes: I) -> Self {
        Self(processes.into_iter().map(|process| (process.id.pid, process)).collect())
    }
}

/// The children of all its threads.
fn children_of(pid: i32) -> Vec<i32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

pub(crate) fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// A process that ends between the opening of its file and the reading is no less gone.
fn gone(error: io::Error) -> io::Error {
    if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::SRCH) {
        io::Error::new(io::ErrorKind::NotFound, error)
    } else {
        error
    }
}

/// A number that can be signalled; 0 and negative ones stand for groups and for everybody (kill(2)).
pub(crate) fn signallable(pid: i32) -> Option<Pid> {
    if pid > 0 { Pid::from_raw(pid) } else { None }
}
