//! The folders and files that are measured on: on the disk that holds the target folder, and gone afterwards.
//!
//! Not in the system's folder for temporary files, which may be memory, where a sync costs nothing and shows nothing.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder for everything.
pub(crate) struct Scratch {
    root: TempDir,
}

impl Scratch {
    /// An empty one.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new() -> io::Result<Self> {
        let target = env!("CARGO_TARGET_TMPDIR");
        fs::create_dir_all(target)?;
        Ok(Self { root: tempfile::Builder::new().prefix("bench-").tempdir_in(target)? })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// An empty folder in it, gone when it is dropped. What was written so far is on the disk before it is returned, so
    /// that what is measured next does not pay for it.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn place(&self) -> io::Result<TempDir> {
        rustix::fs::sync();
        tempfile::Builder::new().prefix("p").tempdir_in(self.path())
    }

    /// A list of paths of sixty bytes, made at the first call. Lists with different words have no path in common.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn list(&self, word: &str, count: u64) -> io::Result<PathBuf> {
        let path = self.path().join(format!("{word}-{count}.list"));
        if !path.exists() {
            let mut file = BufWriter::new(File::create(&path)?);
            for number in 0..count {
                writeln!(file, "{}", path_in_list(word, number))?;
            }
            file.flush()?;
        }
        Ok(path)
    }
}

/// A path of sixty bytes. Nothing stands there; the jobs do not look.
pub(crate) fn path_in_list(word: &str, number: u64) -> String {
    format!("/srv/archive/recordings/2026/{word:-<8.8}{number:013}/audio.wav")
}

/// As many real files of 50 to 200 KB as asked for, always the same: words in an order that an xorshift generator gives
/// (Marsaglia, "Xorshift RNGs", 2003), which gzip has as much to do with as with prose.
///
/// # Errors
/// They cannot be written.
pub(crate) fn write_texts(folder: &Path, count: usize) -> io::Result<Vec<PathBuf>> {
    let mut state = 0x9E37_79B9_7F4A_7C15;
    (0..count).map(|number| write_text(&folder.join(format!("{number:05}.txt")), &mut state)).collect()
}

fn write_text(path: &Path, state: &mut u64) -> io::Result<PathBuf> {
    const WORDS: [&str; 16] = [
        "queue", "of", "files", "the", "and", "night", "harbour", "letters", "a", "under", "seven", "quietly", "to",
        "mountain", "was", "carried",
    ];
    let length = 50_000 + usize::try_from(next(state) % 150_000).map_err(io::Error::other)?;
    let mut text = String::with_capacity(length + 32);
    while text.len() < length {
        let random = next(state);
        text += WORDS[usize::from(random.to_le_bytes()[3] % 16)];
        // A number now and then, or it would compress to nearly nothing.
        if random.is_multiple_of(5) {
            text += " ";
            text += &(random >> 44).to_string();
        }
        text += " ";
    }
    fs::write(path, text)?;
    Ok(path.to_owned())
}

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
