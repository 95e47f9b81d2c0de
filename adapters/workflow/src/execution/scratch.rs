//! The folder for the input and output files of steps.
//!
//! All steps of an attempt use the same two files, because new files are slow on ext4. ext4 does
//! not reuse the inode of a removed file for a minute. The search for a free inode must skip all
//! such inodes.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use autoproc_regular_file::{self as regular_file, Links};

/// A folder that is created on first use and removed on drop.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: PathBuf,
    is_created: bool,
    tries: u64,
}

impl Scratch {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, is_created: false, tries: 0 }
    }

    pub(super) fn output_file(&mut self) -> io::Result<PathBuf> {
        self.tries += 1;
        self.file("output", b"")
    }

    pub(super) fn is_first(&self) -> bool {
        self.tries == 1
    }

    pub(super) fn inputs_file(&mut self, inputs: &[u8]) -> io::Result<PathBuf> {
        self.file("inputs.json", inputs)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        self.create()?;
        let path = self.dir.join(name);
        empty_file(&path)?.write_all(bytes)?;
        Ok(path)
    }

    fn create(&mut self) -> io::Result<()> {
        if self.is_created {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        match builder.create(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                builder.recursive(true).create(&self.dir)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_dir_all(&self.dir)?;
                builder.create(&self.dir)?;
            }
            created => created?,
        }
        self.is_created = true;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.is_created {
            // If the removal fails, the item's next attempt replaces the folder.
            let _ = std::fs::remove_dir(&self.dir).or_else(|_| std::fs::remove_dir_all(&self.dir));
        }
    }
}

/// Creates or truncates a file. If a step left a link, removes the link and keeps its target.
fn empty_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if let Ok(file) = regular_file::open(&mut options, Links::Refuse, path)
        && file.metadata()?.nlink() == 1
    {
        file.set_len(0)?;
        return Ok(file);
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed.or_else(|_| std::fs::remove_dir_all(path))?,
    }
    regular_file::create(&mut options, path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Scratch) {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(parent.path().join("1.steps"));
        (parent, scratch)
    }

    #[test]
    fn each_try_begins_with_an_empty_output() {
        let (_parent, mut scratch) = scratch();
        let first = scratch.output_file().unwrap();
        std::fs::write(&first, "a=1").unwrap();
        scratch.inputs_file(b"{\"long\":1}").unwrap();
        let second = scratch.output_file().unwrap();
        assert_eq!(std::fs::read(&second).unwrap(), b"");
        assert_eq!(std::fs::read(scratch.inputs_file(b"{}").unwrap()).unwrap(), b"{}");
    }

    #[test]
    fn a_file_of_the_user_in_the_place_of_the_output_is_kept() {
        let (parent, mut scratch) = scratch();
        let of_user = parent.path().join("result.json");
        std::fs::write(&of_user, "{}").unwrap();
        let replacements: [fn(&Path, &Path) -> io::Result<()>; 4] = [
            |of_user, output| std::os::unix::fs::symlink(of_user, output),
            |of_user, output| std::fs::hard_link(of_user, output),
            |_, output| std::fs::create_dir_all(output.join("sub")),
            |_, _| Ok(()),
        ];
        for replace in replacements {
            let output = scratch.output_file().unwrap();
            std::fs::remove_file(&output).unwrap();
            replace(&of_user, &output).unwrap();
            assert_eq!(scratch.output_file().unwrap(), output);
            assert!(output.symlink_metadata().unwrap().is_file());
            assert_eq!(std::fs::read(&of_user).unwrap(), b"{}");
        }
        drop(scratch);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
