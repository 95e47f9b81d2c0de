//! Maps the output files of a run to input files.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use autoproc_domain::{FilePath, ItemId};

use crate::process::{ResultOwner, TEMPORARY_PREFIX};

/// Maps each output file to the input file that it belongs to. Uses about 70 bytes of memory for
/// each output file.
#[derive(Debug, Default)]
pub struct ResultOwners {
    hashers: [RandomState; 2],
    state: Mutex<State>,
}

/// Two hashes of a path. They take less memory than the path.
type PathHash = [u64; 2];

#[derive(Debug, Default)]
struct State {
    by_path: HashMap<PathHash, Owner>,
    reserved: HashMap<ItemId, Reservation>,
    temporary_names: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    file: FilePath,
    /// False if the output file is only reserved.
    has_written: bool,
}

#[derive(Debug)]
struct Reservation {
    path: PathHash,
    had_written: bool,
}

impl ResultOwners {
    /// Records that an earlier run wrote the output file at `path` for the input file `file`.
    /// Changes nothing if the output file already belongs to an input file.
    pub fn record(&self, path: &Path, file: &FilePath) {
        let hash = self.hash(path);
        self.state().by_path.entry(hash).or_insert_with(|| Owner { file: file.clone(), has_written: true });
    }

    /// Reserves the output file at `path` for an attempt on `file`. If another input file owns the
    /// output file or has reserved it, only returns that input file. An output file that was
    /// written and then removed has no owner.
    pub(crate) fn reserve(&self, path: &Path, item: ItemId, file: &FilePath) -> Option<ResultOwner> {
        let hash = self.hash(path);
        let mut state = self.state();
        let owner = state.by_path.get(&hash);
        if let Some(Owner { file: other, has_written }) = owner.filter(|owner| owner.file != *file)
            && (!has_written || fs::symlink_metadata(path).is_ok())
        {
            return Some(ResultOwner { file: other.to_string(), has_written: *has_written });
        }
        let had_written = owner.is_some_and(|owner| owner.file == *file && owner.has_written);
        state.by_path.insert(hash, Owner { file: file.clone(), has_written: false });
        state.reserved.entry(item).or_insert(Reservation { path: hash, had_written });
        None
    }

    /// Ends the reservation of an attempt. If `has_written`, the input file now owns the output
    /// file. Otherwise, the input file owns the output file only if it did so before the
    /// reservation.
    pub(crate) fn release(&self, item: ItemId, has_written: bool) {
        let mut state = self.state();
        let Some(Reservation { path, had_written }) = state.reserved.remove(&item) else { return };
        if !has_written && !had_written {
            state.by_path.remove(&path);
        } else if let Some(owner) = state.by_path.get_mut(&path) {
            owner.has_written = true;
        }
    }

    /// Returns a unique, unguessable name for a temporary file.
    pub(crate) fn temporary_name(&self) -> String {
        let mut state = self.state();
        state.temporary_names += 1;
        let [first, second] = self.hashers.each_ref().map(|hasher| hasher.hash_one(state.temporary_names));
        format!("{TEMPORARY_PREFIX}{first:016x}{second:016x}")
    }

    fn hash(&self, path: &Path) -> PathHash {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(path))
    }

    /// Ignores poisoning, because a panic leaves no partial update.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::ffi::OsStr;

    use super::*;
    use crate::process::is_temporary_name;

    fn files() -> [(ItemId, FilePath); 2] {
        [(1, "/in/a.png"), (2, "/in/a.gif")].map(|(id, path)| (ItemId::new(id), FilePath::new(path).expect("a path")))
    }

    fn owned(file: &FilePath, has_written: bool) -> ResultOwner {
        ResultOwner { file: file.to_string(), has_written }
    }

    #[test]
    fn a_result_belongs_to_the_first_file_that_writes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::write(&path, "of another program").expect("a file");
        let owners = ResultOwners::default();
        let [(one, png), (two, gif)] = files();
        assert_eq!(owners.reserve(&path, one, &png), None);
        assert_eq!(owners.reserve(&folder.path().join("./a"), two, &gif), Some(owned(&png, false)));
        owners.release(two, false);
        assert_eq!(owners.reserve(&path, two, &gif), Some(owned(&png, false)), "only the owner releases it");
        owners.release(one, false);
        assert_eq!(owners.reserve(&path, two, &gif), None, "the first file has failed");
        owners.release(two, true);
        assert_eq!(owners.reserve(&path, one, &png), Some(owned(&gif, true)));
        fs::remove_file(&path).expect("it is there");
        assert_eq!(owners.reserve(&path, one, &png), None, "a user has removed the result");
    }

    #[test]
    fn a_failed_attempt_leaves_the_owner_of_an_earlier_result() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::write(&path, "").expect("a file");
        let owners = ResultOwners::default();
        let [(one, png), (two, gif)] = files();
        owners.record(&path, &png);
        owners.record(&path, &gif);
        assert_eq!(owners.reserve(&path, two, &gif), Some(owned(&png, true)));
        for _ in 0..2 {
            assert_eq!(owners.reserve(&path, one, &png), None, "a retry");
        }
        owners.release(one, false);
        assert_eq!(owners.reserve(&path, two, &gif), Some(owned(&png, true)));
    }

    #[test]
    fn temporary_names_differ() {
        let (owners, others) = (ResultOwners::default(), ResultOwners::default());
        let names: HashSet<_> = (0..100).flat_map(|_| [owners.temporary_name(), others.temporary_name()]).collect();
        assert_eq!(names.len(), 200);
        assert!(names.iter().all(|name| is_temporary_name(OsStr::new(name))));
    }
}
