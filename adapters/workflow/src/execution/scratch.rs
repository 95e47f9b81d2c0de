//! The folder for the input and output files of an attempt's steps.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// A folder that is created on first use and removed on drop.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: PathBuf,
    is_created: bool,
    count: u64,
}

impl Scratch {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, is_created: false, count: 0 }
    }

    /// Creates an empty file for the values that a step returns.
    pub(super) fn output_file(&mut self) -> io::Result<PathBuf> {
        self.count += 1;
        self.file("output", b"")
    }

    pub(super) fn is_first(&self) -> bool {
        self.count == 1
    }

    /// Creates a file with the inputs of the current try. Call [`output_file`](Self::output_file)
    /// first: it assigns the number of the try, which is part of the names of both files.
    pub(super) fn inputs_file(&mut self, inputs: &[u8]) -> io::Result<PathBuf> {
        self.file("inputs.json", inputs)
    }

    fn file(&mut self, kind: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        self.create()?;
        let path = self.dir.join(format!("{}.{kind}", self.count));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&path)?.write_all(bytes)?;
        Ok(path)
    }

    /// Creates the folder on first use. Replaces a folder that was left by a dead run.
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
