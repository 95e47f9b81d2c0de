//! What stands in a guard's file.

use std::io;

use serde::{Deserialize, Serialize};

use crate::process_table::{self, ProcessId};

/// The version of the format that this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// No file of ours is longer, in bytes; ten times what one has.
pub(super) const LONGEST: u64 = 4096;

/// Stands before the leader's fields. Its number and start time are as wide as the widest there are.
const LEADER: &str = ",\"leader\":";

/// What a guard's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The boot it was made in; empty where the system names none.
    pub boot_id: String,
    /// The pid namespace whose numbers these are; empty where the system names none.
    pub pid_namespace: String,
    /// The guard.
    pub guard: ProcessId,
    /// The guard's session; 0 where unknown.
    pub session: i32,
    /// The process that leads the latest command it ran, where there was one. Its start time is 0 where unknown.
    pub leader: Option<ProcessId>,
}

/// What a reader makes of a guard's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Understood {
    /// Its guard was killed before the file was written, so that it had started nothing; or the machine went down. A guard
    /// that finds no room to write it removes it, and serves as one without a record.
    Unwritten,
    /// This.
    Contents(Contents),
    /// It cannot be read, for this reason; it is not ours, or of a newer version.
    Nothing(Box<str>),
}

/// All but the leader.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    version: u32,
    boot_id: String,
    pid_namespace: String,
    guard: ProcessId,
    session: i32,
}

#[derive(Debug, Deserialize)]
struct Line {
    #[serde(flatten)]
    head: Head,
    leader: ProcessId,
}

#[derive(Debug, Deserialize)]
struct VersionOnly {
    version: u32,
}

impl Contents {
    pub(super) fn of_this_process() -> io::Result<Self> {
        let Ok(us) = process_table::own() else { return Ok(Self::without_a_table()) };
        Ok(Self {
            boot_id: process_table::boot_id()?,
            pid_namespace: process_table::pid_namespace()?,
            guard: us.id,
            session: us.session,
            leader: None,
        })
    }

    fn without_a_table() -> Self {
        let guard = ProcessId { pid: process_table::own_pid(), started: 0 };
        Self { boot_id: String::new(), pid_namespace: String::new(), guard, session: 0, leader: None }
    }

    /// The file's one line, and where in it the leader's fields begin.
    pub(super) fn to_line(&self) -> io::Result<(String, u64)> {
        let head = Head {
            version: FORMAT_VERSION,
            boot_id: self.boot_id.clone(),
            pid_namespace: self.pid_namespace.clone(),
            guard: self.guard,
            session: self.session,
        };
        let mut line = serde_json::to_string(&head)?;
        line.pop();
        line.push_str(LEADER);
        let leader_at = line.len() as u64;
        line.push_str(&leader_fields(self.leader.unwrap_or(ProcessId { pid: 0, started: 0 })));
        line.push_str("}\n");
        Ok((line, leader_at))
    }
}

/// As long for one leader as for any other: the widest `i32` has 11 signs, the widest `u64` has 20.
pub(super) fn leader_fields(leader: ProcessId) -> String {
    format!("{{\"pid\":{:>11},\"started\":{:>20}}}", leader.pid, leader.started)
}

/// Reads a file's bytes. Every crash leaves either nothing, or a first part without the line's end, or zeros where the
/// machine went down; all else that has not the form is nobody's doing but a person's.
pub(super) fn understand(bytes: &[u8]) -> Understood {
    if !bytes.contains(&b'\n') && bytes.len() < usize::try_from(LONGEST).unwrap_or(usize::MAX)
        || bytes.iter().all(|byte| *byte == 0)
    {
        return Understood::Unwritten;
    }
    match serde_json::from_slice::<VersionOnly>(bytes) {
        Ok(VersionOnly { version }) if version > FORMAT_VERSION => {
            Understood::Nothing(format!("format version {version} is newer than this program").into())
        }
        _ => serde_json::from_slice::<Line>(bytes).map_or_else(
            |error| Understood::Nothing(error.to_string().into()),
            |line| Understood::Contents(line.into()),
        ),
    }
}

impl From<Line> for Contents {
    fn from(line: Line) -> Self {
        let Head { boot_id, pid_namespace, guard, session, .. } = line.head;
        let leader = Some(line.leader).filter(|leader| leader.pid > 0);
        Self { boot_id, pid_namespace, guard, session, leader }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn anything() -> impl Strategy<Value = Contents> {
        let id = || (1..i32::MAX, any::<u64>()).prop_map(|(pid, started)| ProcessId { pid, started });
        (any::<String>(), any::<String>(), id(), any::<i32>(), prop::option::of(id())).prop_map(
            |(boot_id, pid_namespace, guard, session, leader)| Contents {
                boot_id,
                pid_namespace,
                guard,
                session,
                leader,
            },
        )
    }

    fn line(contents: &Contents) -> (Vec<u8>, usize) {
        let (line, leader_at) = contents.to_line().expect("JSON");
        (line.into_bytes(), usize::try_from(leader_at).expect("small"))
    }

    proptest! {
        #[test]
        fn what_was_written_is_understood(contents in anything()) {
            prop_assert_eq!(understand(&line(&contents).0), Understood::Contents(contents));
        }

        #[test]
        fn a_leader_is_written_over_another(contents in anything(), pid in 1..i32::MAX, started: u64) {
            let (mut bytes, at) = line(&contents);
            let leader = ProcessId { pid, started };
            let fields = leader_fields(leader);
            bytes[at..at + fields.len()].copy_from_slice(fields.as_bytes());
            prop_assert_eq!(understand(&bytes), Understood::Contents(Contents { leader: Some(leader), ..contents }));
        }

        #[test]
        fn a_torn_line_was_never_written(contents in anything(), cut: prop::sample::Index) {
            let (bytes, _) = line(&contents);
            prop_assert_eq!(understand(&bytes[..cut.index(bytes.len())]), Understood::Unwritten);
        }

        #[test]
        fn garbage_names_no_process(bytes: Vec<u8>, contents in anything(), at: prop::sample::Index, byte: u8) {
            prop_assert!(!matches!(understand(&bytes), Understood::Contents(_)));
            // One byte of damage may pass for another number, and must not panic.
            let (mut line, _) = line(&contents);
            let at = at.index(line.len());
            line[at] = byte;
            let _ = understand(&line);
        }
    }

    #[test]
    fn what_is_not_ours_is_not_taken_for_unwritten() {
        for (text, why) in
            [("{\"version\":2}\n", "newer"), ("{\"version\":1}\n", "missing"), ("[]\n", "expected"), ("\n", "EOF")]
        {
            let Understood::Nothing(reason) = understand(text.as_bytes()) else { panic!("{text}") };
            assert!(reason.contains(why), "{reason}");
        }
        for nothing in [&b""[..], &[0; 300], b"{\"version\":1,"] {
            assert_eq!(understand(nothing), Understood::Unwritten);
        }
    }
}
