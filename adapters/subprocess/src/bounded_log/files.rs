//! Reads and writes the files of bounded output.
//!
//! # Format
//!
//! A complete file contains the head of the output, followed by the tail. If bytes were omitted, a
//! newline and the line `[autoproc: N bytes left out]` separate head and tail.
//!
//! During the attempt, the file contains only the head. A second file, `<path>.tail`, contains the
//! output after the head. Its first line is `[autoproc: follows byte N]`. Here, N is the length of
//! the head.
//!
//! If a `.tail` file exists, the output has two parts. These are the first N bytes of the main
//! file, and the `.tail` file without its first line. Otherwise, the output is the main file.
//!
//! Both rules also hold after a crash. A new `.tail` file is written under another name and then
//! renamed. The `.tail` file is removed only after its contents are in the main file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use autoproc_regular_file::{self as regular_file, Links};

use super::streams::streams_path;

/// The mode of new files. Only the owner may read output, because output may be confidential.
pub(crate) const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// An empty file in a folder of outputs. Outputs written after its creation record their streams.
pub(crate) const NOTED: &str = "streams";

const FOLLOWS: (&str, &str) = ("[autoproc: follows byte ", "]\n");
const LEFT_OUT: (&str, &str) = ("\n[autoproc: ", " bytes left out]\n");

/// The number of digits of `u64::MAX`.
const MAX_DIGITS: usize = 20;

/// The maximum total length of the added lines, in bytes. `.tail` and `.tail.new` each contain two
/// added lines.
pub(super) const MAX_LINES: u64 = 2 * (line_length(FOLLOWS) + line_length(LEFT_OUT)) as u64;

const fn line_length((before, after): (&str, &str)) -> usize {
    before.len() + MAX_DIGITS + after.len()
}

pub(crate) fn tail_path(path: &Path) -> PathBuf {
    with_suffix(path, ".tail")
}

pub(crate) fn new_tail_path(path: &Path) -> PathBuf {
    with_suffix(path, ".tail.new")
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[derive(Debug)]
pub(super) struct Tail<'a> {
    pub(super) follows: u64,
    /// The number of bytes omitted between the head and the tail.
    pub(super) omitted: u64,
    /// The last bytes of the output, as two consecutive slices.
    pub(super) bytes: (&'a [u8], &'a [u8]),
}

impl Tail<'_> {
    /// Atomically replaces the `.tail` file of the output at `path`.
    pub(super) fn copy_to(&self, path: &Path) -> io::Result<()> {
        let new = new_tail_path(path);
        let copied = self.write_copy(&new).and_then(|()| fs::rename(&new, tail_path(path)));
        if copied.is_err() {
            let _ = remove(&new);
        }
        copied
    }

    fn write_copy(&self, new: &Path) -> io::Result<()> {
        remove(new)?;
        let mut file = open_new(new)?;
        file.write_all(line(FOLLOWS, self.follows).as_bytes())?;
        self.write_to(&mut file)
    }

    /// Appends the tail to the head, then removes the `.tail` file. If appending fails, updates an
    /// existing `.tail` file instead.
    pub(super) fn join_to(&self, file: &mut File, path: &Path) -> io::Result<()> {
        let joined = self.write_after_head(file);
        if joined.is_ok() {
            return remove(&tail_path(path));
        }
        if tail_path(path).exists() {
            file.set_len(self.follows)?;
            self.copy_to(path)?;
        }
        joined
    }

    fn write_after_head(&self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.follows))?;
        self.write_to(file)?;
        let end = file.stream_position()?;
        file.set_len(end)
    }

    fn write_to(&self, file: &mut File) -> io::Result<()> {
        if self.omitted > 0 {
            file.write_all(line(LEFT_OUT, self.omitted).as_bytes())?;
        }
        file.write_all(self.bytes.0)?;
        file.write_all(self.bytes.1)
    }
}

fn line((before, after): (&str, &str), number: u64) -> String {
    format!("{before}{number}{after}")
}

fn split_line<'a>((before, after): (&str, &str), bytes: &'a [u8]) -> Option<(u64, &'a [u8])> {
    let bytes = bytes.strip_prefix(before.as_bytes())?;
    let digits = bytes.iter().take(MAX_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()?;
    Some((number, bytes[digits..].strip_prefix(after.as_bytes())?))
}

/// Creates the file at `path` and its folder. Removes old `.tail` and `.streams` files. Fails if
/// the file exists.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    remove(&tail_path(path))?;
    remove(&streams_path(path))?;
    match open_new(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_folder(path)?;
            open_new(path)
        }
        opened => opened,
    }
}

/// Creates a file accessible only to its owner. Fails if the file exists.
pub(super) fn open_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(FILE_MODE);
    regular_file::create(&mut options, path)
}

/// Creates the folder of the file at `path`, and marks the new folder with the file [`NOTED`]. Only
/// the owner can access the folder.
///
/// Also creates a missing parent, with the default mode, because other programs use the parent.
/// Creates nothing above the parent. Otherwise, a removed project folder could reappear.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    if let Some(above) = folder.parent() {
        existing_or_new(regular_file::create_folder(above, 0o777))?;
    }
    match regular_file::create_folder(folder, FOLDER_MODE) {
        Ok(()) => {
            begin_notes(folder);
            Ok(())
        }
        created => existing_or_new(created),
    }
}

/// Accepts an existing folder. Another guard may have just created it.
fn existing_or_new(created: io::Result<()>) -> io::Result<()> {
    created.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
}

/// Marks a folder of outputs with the file [`NOTED`]. Ignores errors.
pub(crate) fn begin_notes(folder: &Path) {
    let _ = open_new(&folder.join(NOTED));
}

/// Opens a file for reading and writing. Returns `None` if the file does not exist. Refuses links,
/// FIFOs and devices.
pub(super) fn reopen(path: &Path) -> io::Result<Option<File>> {
    match regular_file::open(OpenOptions::new().read(true).write(true), Links::Refuse, path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) head: u64,
    pub(super) omitted: u64,
    /// The bytes of the output after the omitted bytes.
    pub(super) tail: Vec<u8>,
    /// True if the tail comes from a `.tail` file.
    pub(super) is_copied: bool,
}

/// Splits an output into head and tail. With a `.tail` file, truncates the main file to the head.
/// Otherwise, the head has at most `limit` bytes.
pub(super) fn split(file: &mut File, path: &Path, limit: u64) -> io::Result<Parts> {
    let mut rest = Vec::new();
    let copy = open_tail(path)?;
    let is_copied = copy.is_some();
    let head = match copy {
        Some((head, mut tail)) => {
            file.set_len(head)?;
            tail.read_to_end(&mut rest)?;
            head
        }
        None => {
            let head = file.metadata()?.len().min(limit);
            file.seek(SeekFrom::Start(head))?;
            file.read_to_end(&mut rest)?;
            head
        }
    };
    let (omitted, tail) = split_line(LEFT_OUT, &rest).map_or((0, rest.as_slice()), |split| split);
    Ok(Parts { head, omitted, tail: tail.to_vec(), is_copied })
}

/// Opens the `.tail` file of `path` after its first line. Returns the length of the head and the
/// open file. Returns `None` if the `.tail` file is missing or invalid.
pub(crate) fn open_tail(path: &Path) -> io::Result<Option<(u64, File)>> {
    let mut file = match regular_file::open_to_read(Links::Refuse, &tail_path(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut start = Vec::with_capacity(line_length(FOLLOWS));
    (&mut file).take(line_length(FOLLOWS) as u64).read_to_end(&mut start)?;
    let Some((follows, rest)) = split_line(FOLLOWS, &start) else { return Ok(None) };
    file.seek(SeekFrom::Start((start.len() - rest.len()) as u64))?;
    Ok(Some((follows, file)))
}

/// Returns the number of bytes omitted before the tail. `tail` must be positioned after its first
/// line, and stays there.
pub(crate) fn omitted_before(tail: &mut File) -> io::Result<u64> {
    let start = tail.stream_position()?;
    let mut line = Vec::with_capacity(line_length(LEFT_OUT));
    (&mut *tail).take(line_length(LEFT_OUT) as u64).read_to_end(&mut line)?;
    tail.seek(SeekFrom::Start(start))?;
    Ok(split_line(LEFT_OUT, &line).map_or(0, |(omitted, _)| omitted))
}

pub(crate) fn marker_length(omitted: u64) -> u64 {
    if omitted == 0 { 0 } else { marker(omitted).len() as u64 }
}

pub(crate) fn marker(omitted: u64) -> String {
    line(LEFT_OUT, omitted)
}

pub(super) fn write_some(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
