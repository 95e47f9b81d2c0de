//! The visible and durable contents of a fake disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::disk::Stamp;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    Bytes {
        offset: usize,
        bytes: Vec<u8>,
    },
    /// A write to the lock file. A power cut keeps all bytes or none, because the store ignores a
    /// partial write.
    Note {
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        len: usize,
    },
}

impl Write {
    pub(crate) fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Bytes { offset, bytes } | Self::Note { offset, bytes } => {
                let end = offset + bytes.len();
                if data.len() < end {
                    data.resize(end, 0);
                }
                data[*offset..end].copy_from_slice(bytes);
            }
            Self::Truncate { len } => data.resize(*len, 0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum NameChange {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

impl NameChange {
    pub(crate) fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, inode) => drop(names.insert(name.clone(), *inode)),
            Self::Unlink(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Inode {
    pub(crate) visible: Vec<u8>,
    pub(crate) durable: Vec<u8>,
    pub(crate) unsynced: Vec<Write>,
    /// The length up to which writes succeed on a full disk.
    pub(crate) reserved: usize,
    pub(super) number: u64,
}

impl Inode {
    pub(crate) fn durable(bytes: &[u8]) -> Self {
        Self { visible: bytes.to_vec(), durable: bytes.to_vec(), ..Self::default() }
    }

    pub(super) fn write(&mut self, write: Write) {
        write.apply(&mut self.visible);
        self.unsynced.push(write);
    }

    pub(super) fn sync(&mut self) {
        for write in self.unsynced.drain(..) {
            write.apply(&mut self.durable);
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct DiskImage {
    pub(crate) inodes: Vec<Inode>,
    pub(crate) names: BTreeMap<String, usize>,
    pub(crate) durable_names: BTreeMap<String, usize>,
    pub(crate) unsynced_names: Vec<NameChange>,
    pub(super) locks: BTreeMap<usize, u64>,
    /// Maps the handle of each open file to the index of its inode.
    pub(super) open: BTreeMap<u64, usize>,
    pub(super) handles: u64,
    pub(super) nonces: u64,
    /// The number of times that the state folder was replaced by another folder.
    pub(super) replacements: u64,
}

impl DiskImage {
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.names.iter().map(|(name, inode)| (name.as_str(), self.inodes[*inode].visible.as_slice()))
    }

    pub(crate) fn inode_mut(&mut self, name: &str) -> Option<&mut Inode> {
        self.names.get(name).map(|inode| &mut self.inodes[*inode])
    }

    pub(super) fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    pub(super) fn sync_names(&mut self) {
        for change in self.unsynced_names.drain(..) {
            change.apply(&mut self.durable_names);
        }
    }

    /// Creates a file with the lowest unused inode number, as ext4 does.
    pub(super) fn add(&mut self, name: &str, inode: Inode) {
        let used: BTreeSet<_> =
            self.names.values().chain(self.open.values()).map(|index| self.inodes[*index].number).collect();
        let number = (0..=u64::MAX).find(|number| !used.contains(number)).unwrap_or(u64::MAX);
        self.inodes.push(Inode { number, ..inode });
        self.change_names(NameChange::Link(name.to_owned(), self.inodes.len() - 1));
    }

    pub(super) fn number_of(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn is_named(&self, inode: usize, names: &[&str]) -> bool {
        names.iter().any(|name| self.names.get(*name) == Some(&inode))
    }

    pub(super) fn stamp(&self, inode: usize) -> Stamp {
        let Inode { visible, number, .. } = &self.inodes[inode];
        Stamp { device: 0, inode: *number, len: visible.len() as u64, modified: (0, 0), changed: (0, 0) }
    }
}
