//! How bounded output looks on disk.
//!
//! The file holds the head, then, where bytes were left out, the line `[autoproc: N bytes left out]` with a line end
//! before it, then the tail. While it is being written it holds the head alone, and `<path>.tail` holds the rest of what
//! it would become, after a line `[autoproc: follows byte N]`, where N is the length of the head. So what is there of an
//! output is at any moment the first N bytes of the file and the rest of its `.tail`, and without a `.tail` the file alone.
//! That stays true of what a crash leaves, because a `.tail` only appears whole and goes only when the file is whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Output may hold what only its owner should read.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

const FOLLOWS: (&str, &str) = ("[autoproc: follows byte ", "]\n");
const LEFT_OUT: (&str, &str) = ("\n[autoproc: ", " bytes left out]\n");

/// The digits of the largest number of 64 bits.
const MAX_DIGITS: usize = 20;

/// The most that the lines take: both kinds in a `.tail` and in the one that is to replace it.
pub(super) const MAX_LINES: u64 = 2 * (line_length(FOLLOWS) + line_length(LEFT_OUT)) as u64;

const fn line_length((before, behind): (&str, &str)) -> usize {
    before.len() + MAX_DIGITS + behind.len()
}

/// Where the latest output is while the file at `path` is being written.
pub(crate) fn tail_path(path: &Path) -> PathBuf {
    with_suffix(path, ".tail")
}

/// Where a new `.tail` is until it is whole.
pub(crate) fn new_tail_path(path: &Path) -> PathBuf {
    with_suffix(path, ".tail.new")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What comes behind the head.
#[derive(Debug)]
pub(super) struct Tail<'a> {
    /// The length of the head.
    pub(super) follows: u64,
    /// How many bytes there were between the two.
    pub(super) left_out: u64,
    /// The latest bytes.
    pub(super) bytes: (&'a [u8], &'a [u8]),
}

impl Tail<'_> {
    /// Puts a copy beside the file at `path`, in place of the one there is.
    pub(super) fn copy_to(&self, path: &Path) -> io::Result<()> {
        let new = new_tail_path(path);
        let copied = self.write_copy(&new).and_then(|()| fs::rename(&new, tail_path(path)));
        if copied.is_err() {
            // What there was room for of it helps nobody.
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

    /// Puts it behind the head in the file, and takes its copy away. Where there is no room for it and there is a copy,
    /// that is brought up to date as far as possible and stays.
    pub(super) fn join_to(&self, file: &mut File, path: &Path) -> io::Result<()> {
        let joined = self.write_behind_head(file);
        if joined.is_ok() {
            return remove(&tail_path(path));
        }
        if tail_path(path).exists() {
            file.set_len(self.follows)?;
            self.copy_to(path)?;
        }
        joined
    }

    fn write_behind_head(&self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.follows))?;
        self.write_to(file)?;
        let end = file.stream_position()?;
        file.set_len(end)
    }

    fn write_to(&self, file: &mut File) -> io::Result<()> {
        if self.left_out > 0 {
            file.write_all(line(LEFT_OUT, self.left_out).as_bytes())?;
        }
        file.write_all(self.bytes.0)?;
        file.write_all(self.bytes.1)
    }
}

fn line((before, behind): (&str, &str), number: u64) -> String {
    format!("{before}{number}{behind}")
}

/// The number of the line that `bytes` begin with, and what follows it.
fn split_line<'a>((before, behind): (&str, &str), bytes: &'a [u8]) -> Option<(u64, &'a [u8])> {
    let bytes = bytes.strip_prefix(before.as_bytes())?;
    let digits = bytes.iter().take(MAX_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()?;
    Some((number, bytes[digits..].strip_prefix(behind.as_bytes())?))
}

/// Makes the file at `path`, and its folder where that is missing. Where there is a file already, nothing is made.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    remove(&tail_path(path))?;
    match open_new(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(path)?;
            open_new(path)
        }
        opened => opened,
    }
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path)
}

/// The folders above the last one are not only ours.
fn make_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        // Another slot was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Opens the file at `path` to go on with it, where there is one.
pub(super) fn reopen(path: &Path) -> io::Result<Option<File>> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    match OpenOptions::new().read(true).write(true).custom_flags(no_follow).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An output in its parts.
#[derive(Debug)]
pub(super) struct Parts {
    /// The length of the head.
    pub(super) head: u64,
    /// How many bytes were left out behind it.
    pub(super) left_out: u64,
    /// What followed them.
    pub(super) tail: Vec<u8>,
}

/// Takes the output in `file` at `path` apart again: by its `.tail`, else where its head reaches its limit.
pub(super) fn take_apart(file: &mut File, path: &Path, limit: u64) -> io::Result<Parts> {
    let mut rest = Vec::new();
    let head = match open_tail(path)? {
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
    let (left_out, tail) = split_line(LEFT_OUT, &rest).map_or((0, rest.as_slice()), |split| split);
    Ok(Parts { head, left_out, tail: tail.to_vec() })
}

/// The length of the head that the `.tail` of `path` follows, and the `.tail` from behind the line that says so. `None`
/// where there is no such file, or none of ours.
pub(crate) fn open_tail(path: &Path) -> io::Result<Option<(u64, File)>> {
    let mut file = match File::open(tail_path(path)) {
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

/// Writes as much as can be; says how much that was, and why it was no more.
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
