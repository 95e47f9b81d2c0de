//! The temporary folder of a guard's current process.
//!
//! An untouched folder is reused, because creating a folder costs more than checking one.

use std::io;
use std::path::{Path, PathBuf};

use crate::guard_record::GuardRecord;
use crate::tmp_dir::{TmpDir, new_path, parent};

pub(crate) struct TmpDirs {
    /// The parent of all temporary folders. Determined early, because the guard's working directory
    /// may be removed later.
    parent: io::Result<PathBuf>,
    current: Option<TmpDir>,
}

impl TmpDirs {
    pub(crate) fn new() -> Self {
        Self { parent: parent(), current: None }
    }

    /// Returns an empty folder for the next process. Records a new folder before creating it.
    ///
    /// # Errors
    /// A human-readable message, if no folder can be created.
    pub(crate) fn provide(&mut self, record: Option<&mut GuardRecord>) -> Result<&Path, String> {
        let folder = match self.current.take() {
            Some(folder) if folder.is_untouched() => folder,
            touched => {
                // Another program has changed the empty folder, for instance one that removes old
                // files.
                let _ = touched.map(|folder| folder.remove());
                self.create(record)?
            }
        };
        Ok(self.current.insert(folder).path())
    }

    fn create(&self, record: Option<&mut GuardRecord>) -> Result<TmpDir, String> {
        let parent = self.parent.as_ref().map_err(|error| format!("TMPDIR cannot be determined: {error}"))?;
        let path = new_path(parent);
        if let Some(record) = record {
            // If writing fails and the guard is killed later, the folder remains.
            let _ = record.set_tmp_dir(Some(&path));
        }
        TmpDir::create(path).map_err(|error| format!("no folder can be created in {}: {error}", shown(parent)))
    }

    pub(crate) fn finish(&mut self, is_kept: bool) -> Option<String> {
        let folder = self.current.take()?;
        if folder.is_untouched() {
            self.current = Some(folder);
            return None;
        }
        if folder.remove_if_empty() {
            return None;
        }
        if is_kept {
            return Some(format!("[autoproc: the temporary files are kept in {}]\n", shown(&folder.keep())));
        }
        let path = shown(folder.path());
        let error = folder.remove().err()?.to_string().replace(char::is_control, "?");
        Some(format!("[autoproc: the temporary files in {path} cannot be removed: {error}]\n"))
    }

    pub(crate) fn update(&self, record: &mut GuardRecord) {
        if self.current.is_none() {
            // If writing fails and the guard is killed later, the run may remove a folder that was
            // to be kept.
            let _ = record.set_tmp_dir(None);
        }
    }

    pub(crate) fn close(self) {
        if let Some(folder) = self.current {
            // A folder that cannot be removed is empty, so it does no harm.
            let _ = folder.remove();
        }
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().replace(char::is_control, "?")
}
