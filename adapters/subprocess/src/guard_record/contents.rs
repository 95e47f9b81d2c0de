//! The contents of a guard's record.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::process_table::{self, ProcessId};
use crate::tmp_dir;

/// The version of the format that this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// The maximum length of a record: about ten times the usual length.
pub(super) const MAX_FILE_BYTES: u64 = 4096;

const LEADER: &str = ",\"leader\":";

const BEGUN: &str = ",\"begun\":";

const TMP_NAME: &str = ",\"tmp_name\":";

/// The contents of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The boot in which the record was created; empty if unknown.
    pub boot_id: String,
    /// The pid namespace of the process numbers; empty if unknown.
    pub pid_namespace: String,
    /// The identity of the guard.
    pub guard: ProcessId,
    /// The id of the guard's session; 0 if unknown.
    pub session: i32,
    /// The device and inode of the record's file, which tell a copy from the original. `None` in
    /// records of earlier versions of this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<(u64, u64)>,
    /// The leader of the last command that the guard started; `None` if it started no command. The
    /// leader's start time is 0 if unknown.
    #[serde(skip_serializing, deserialize_with = "parse_leader")]
    pub leader: Option<ProcessId>,
    /// The number of processes that the guard has begun, written before each start. 0 in records of
    /// earlier versions of this program.
    #[serde(default, skip_serializing)]
    pub begun: u64,
    /// The folder in which the guard creates folders for temporary files; `None` if it is not
    /// recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmp_parent: Option<Box<str>>,
    /// The name of the guard's current folder for temporary files; `None` if there is none. Written
    /// before the folder is created.
    #[serde(default, skip_serializing, deserialize_with = "parse_tmp_name")]
    pub tmp_name: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Offsets {
    pub(super) leader: u64,
    pub(super) begun: u64,
    pub(super) tmp_name: u64,
}

/// The result of parsing a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// The record is incomplete, or is a copy of another record. So no process belongs to it.
    Incomplete,
    /// The record is valid.
    Contents(Contents),
    /// The file is not a record, or has a newer format. Contains the reason.
    Invalid(Box<str>),
}

#[derive(Serialize, Deserialize)]
struct Line<C> {
    version: u32,
    #[serde(flatten)]
    contents: C,
}

#[derive(Debug, Deserialize)]
struct VersionOnly {
    version: u32,
}

impl Contents {
    pub(super) fn of_this_process(file: (u64, u64)) -> io::Result<Self> {
        let Ok(own) = process_table::own() else { return Ok(Self::without_process_table(file)) };
        Ok(Self {
            boot_id: process_table::boot_id()?,
            pid_namespace: process_table::pid_namespace()?,
            guard: own.id,
            session: own.session,
            file: Some(file),
            leader: None,
            begun: 0,
            tmp_parent: recorded_tmp_parent(),
            tmp_name: None,
        })
    }

    fn without_process_table(file: (u64, u64)) -> Self {
        let guard = ProcessId { pid: process_table::own_pid(), started: 0 };
        Self {
            boot_id: String::new(),
            pid_namespace: String::new(),
            guard,
            session: 0,
            file: Some(file),
            leader: None,
            begun: 0,
            tmp_parent: recorded_tmp_parent(),
            tmp_name: None,
        }
    }

    /// Returns the path of the guard's temporary folder, if known. A record without `file` is not
    /// trusted, because it may be a copy.
    pub(crate) fn tmp_dir(&self) -> Option<PathBuf> {
        self.file?;
        let parent = self.tmp_parent.as_deref().map(Path::new).filter(|parent| parent.is_absolute())?;
        self.tmp_name.as_deref().map(|name| parent.join(name))
    }

    pub(super) fn to_line(&self) -> io::Result<(String, Offsets)> {
        let mut line = serde_json::to_string(&Line { version: FORMAT_VERSION, contents: self })?;
        line.pop();
        line.push_str(LEADER);
        let leader = line.len() as u64;
        line.push_str(&leader_fields(self.leader.unwrap_or(ProcessId { pid: 0, started: 0 })));
        line.push_str(BEGUN);
        let begun = line.len() as u64;
        line.push_str(&begun_field(self.begun));
        line.push_str(TMP_NAME);
        let tmp_name = line.len() as u64;
        line.push_str(&tmp_name_field(self.tmp_name.as_deref()));
        line.push_str("}\n");
        Ok((line, Offsets { leader, begun, tmp_name }))
    }
}

/// Formats the leader with a fixed width. An `i32` has at most 11 characters, a `u64` at most 20.
pub(super) fn leader_fields(leader: ProcessId) -> String {
    format!("{{\"pid\":{:>11},\"started\":{:>20}}}", leader.pid, leader.started)
}

pub(super) fn begun_field(begun: u64) -> String {
    format!("{begun:>20}")
}

pub(super) fn tmp_name_field(name: Option<&str>) -> String {
    format!("\"{:<width$}\"", name.unwrap_or_default(), width = tmp_dir::NAME_LENGTH)
}

fn recorded_tmp_parent() -> Option<Box<str>> {
    let parent = tmp_dir::parent().ok()?.into_os_string().into_string().ok()?;
    (parent.len() <= tmp_dir::MAX_RECORDED_PARENT).then(|| parent.into())
}

/// Parses a record. After a crash, the line may be incomplete, or the file may contain zeros.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    if !bytes.contains(&b'\n') && bytes.len() < usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX)
        || bytes.iter().all(|byte| *byte == 0)
    {
        return Parsed::Incomplete;
    }
    match serde_json::from_slice::<VersionOnly>(bytes) {
        Ok(VersionOnly { version }) if version > FORMAT_VERSION => {
            Parsed::Invalid(format!("format version {version} is newer than this program").into())
        }
        _ => serde_json::from_slice::<Line<_>>(bytes)
            .map_or_else(|error| Parsed::Invalid(error.to_string().into()), |line| Parsed::Contents(line.contents)),
    }
}

fn parse_leader<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ProcessId>, D::Error> {
    ProcessId::deserialize(deserializer).map(|leader| Some(leader).filter(|leader| leader.pid > 0))
}

/// Ignores an invalid name. The folder is removed later, so the name must not lead to another
/// folder.
fn parse_tmp_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<str>>, D::Error> {
    Box::<str>::deserialize(deserializer).map(|name| Some(name).filter(|name| tmp_dir::is_name(name)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contents() -> impl Strategy<Value = Contents> {
        let id = || (1..i32::MAX, any::<u64>()).prop_map(|(pid, started)| ProcessId { pid, started });
        let tmp_dir = || (prop::option::of(any::<String>()), prop::option::of("autoproc-[0-9a-f]{16}"));
        let numbers = (any::<i32>(), prop::option::of(id()), any::<u64>());
        (any::<String>(), any::<String>(), id(), numbers, tmp_dir()).prop_map(
            |(boot_id, pid_namespace, guard, (session, leader, begun), (tmp_parent, tmp_name))| Contents {
                file: None,
                boot_id,
                pid_namespace,
                guard,
                session,
                leader,
                begun,
                tmp_parent: tmp_parent.map(String::into_boxed_str),
                tmp_name: tmp_name.map(String::into_boxed_str),
            },
        )
    }

    fn line(contents: &Contents) -> (Vec<u8>, [usize; 3]) {
        let (line, Offsets { leader, begun, tmp_name }) = contents.to_line().expect("JSON");
        (line.into_bytes(), [leader, begun, tmp_name].map(|offset| usize::try_from(offset).expect("small")))
    }

    proptest! {
        #[test]
        fn a_written_record_is_parsed(contents in contents()) {
            prop_assert_eq!(parse(&line(&contents).0), Parsed::Contents(contents));
        }

        #[test]
        fn fields_replace_others(
            contents in contents(),
            pid in 1..i32::MAX,
            started: u64,
            begun: u64,
            name in prop::option::of("autoproc-[0-9a-f]{16}"),
        ) {
            let (mut bytes, at) = line(&contents);
            let leader = ProcessId { pid, started };
            for (at, field) in at.into_iter().zip([leader_fields(leader), begun_field(begun), tmp_name_field(name.as_deref())]) {
                bytes[at..at + field.len()].copy_from_slice(field.as_bytes());
            }
            let tmp_name = name.map(String::into_boxed_str);
            prop_assert_eq!(parse(&bytes), Parsed::Contents(Contents { leader: Some(leader), begun, tmp_name, ..contents }));
        }

        #[test]
        fn a_record_of_an_earlier_version_is_parsed(contents in contents()) {
            let contents = Contents { tmp_parent: None, tmp_name: None, ..contents };
            let (mut bytes, [_, begun, tmp_name]) = line(&contents);
            for (at, begun) in [(tmp_name - TMP_NAME.len(), contents.begun), (begun - BEGUN.len(), 0)] {
                bytes.truncate(at);
                bytes.extend(b"}\n");
                prop_assert_eq!(parse(&bytes), Parsed::Contents(Contents { begun, ..contents.clone() }));
            }
        }

        #[test]
        fn a_truncated_line_is_incomplete(contents in contents(), cut: prop::sample::Index) {
            let (bytes, _) = line(&contents);
            prop_assert_eq!(parse(&bytes[..cut.index(bytes.len())]), Parsed::Incomplete);
        }

        #[test]
        fn garbage_is_not_a_record(bytes: Vec<u8>, contents in contents(), at: prop::sample::Index, byte: u8) {
            prop_assert!(!matches!(parse(&bytes), Parsed::Contents(_)));
            // A damaged byte may change a number, but parsing must not panic.
            let (mut line, _) = line(&contents);
            let at = at.index(line.len());
            line[at] = byte;
            let _ = parse(&line);
        }
    }

    #[test]
    fn only_a_name_of_a_folder_for_temporary_files_is_believed() {
        let of = |parent: &str, name: &str| {
            let contents = Contents::without_process_table((1, 2));
            Contents { tmp_parent: Some(parent.into()), tmp_name: Some(name.into()), ..contents }
        };
        let parsed = |contents: &Contents| match parse(&line(contents).0) {
            Parsed::Contents(contents) => contents.tmp_dir(),
            other => panic!("{other:?}"),
        };
        let name = "autoproc-0123456789abcdef";
        assert_eq!(parsed(&of("/tmp", name)), Some(Path::new("/tmp").join(name)));
        for (parent, name) in [("tmp", name), ("/tmp", "../home/ada"), ("/tmp", ""), ("/tmp", "autoproc-")] {
            assert_eq!(parsed(&of(parent, name)), None, "{parent} {name}");
        }
    }

    #[test]
    fn other_files_are_invalid_and_not_incomplete() {
        for (text, why) in
            [("{\"version\":2}\n", "newer"), ("{\"version\":1}\n", "missing"), ("[]\n", "expected"), ("\n", "EOF")]
        {
            let Parsed::Invalid(reason) = parse(text.as_bytes()) else { panic!("{text}") };
            assert!(reason.contains(why), "{reason}");
        }
        for incomplete in [&b""[..], &[0; 300], b"{\"version\":1,"] {
            assert_eq!(parse(incomplete), Parsed::Incomplete);
        }
    }
}
