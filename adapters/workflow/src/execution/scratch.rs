//! The folder in which the steps of an attempt are given their inputs and leave their values.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A folder that is made when it is needed, and goes with this value.
#[derive(Debug)]
pub(crate) struct Scratch {
    dir: PathBuf,
    is_made: bool,
    count: u64,
}

impl Scratch {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, is_made: false, count: 0 }
    }

    /// A new, empty file for what a step returns.
    pub(crate) fn output_file(&mut self) -> io::Result<PathBuf> {
        self.count += 1;
        self.file("output", b"")
    }

    /// Whether no more than one step was given a file.
    pub(crate) fn is_first(&self) -> bool {
        self.count == 1
    }

    /// A file with a step's inputs.
    pub(crate) fn inputs_file(&mut self, inputs: &[u8]) -> io::Result<PathBuf> {
        self.file("inputs.json", inputs)
    }

    /// Takes away what a step is done with. What cannot be removed goes with the folder, or is found by the next attempt.
    pub(crate) fn discard(path: &Path) {
        let _ = std::fs::remove_file(path);
    }

    fn file(&mut self, kind: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        self.make()?;
        let path = self.dir.join(format!("{}.{kind}", self.count));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&path)?.write_all(bytes)?;
        Ok(path)
    }

    /// What an attempt that died has left there is nobody's.
    fn make(&mut self) -> io::Result<()> {
        if self.is_made {
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
            made => made?,
        }
        self.is_made = true;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.is_made {
            // What stays is removed when the item's next attempt makes its folder.
            let _ = std::fs::remove_dir(&self.dir).or_else(|_| std::fs::remove_dir_all(&self.dir));
        }
    }
}
