//! Reads lists of paths.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use crate::console::Console;

pub(super) const STDIN: &str = "-";

/// The time until a message about waiting for standard input.
const PATIENCE: Duration = Duration::from_secs(2);

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Oddities {
    pub(super) has_crlf: bool,
    pub(super) has_mark: bool,
}

/// Calls `take` for each path in the list. If `null` is true, each path ends with a NUL byte.
///
/// # Errors
/// The outer error is that of reading the list. The inner error is that of `take`.
pub(super) fn read<E>(
    list: &Path,
    null: bool,
    console: &Arc<Console>,
    mut take: impl FnMut(&Path) -> Result<(), E>,
) -> io::Result<Result<Oddities, E>> {
    let (mut lines, waiting) = open(list, console)?;
    let end = if null { 0 } else { b'\n' };
    let (mut line, mut oddities) = (Vec::new(), Oddities::default());
    let mut is_first = true;
    while lines.read_until(end, &mut line)? > 0 {
        let mut path = line.strip_suffix(&[end]).unwrap_or(&line);
        if !null {
            if is_first && let Some(rest) = path.strip_prefix(BYTE_ORDER_MARK) {
                (path, oddities.has_mark) = (rest, true);
            }
            // Lists from Windows have a carriage return at each line end. It is kept only if a file
            // of that name exists.
            if let Some(rest) = path.strip_suffix(b"\r").filter(|_| !exists(path)) {
                (path, oddities.has_crlf) = (rest, true);
            }
        }
        is_first = false;
        if !path.is_empty()
            && let Err(error) = take(Path::new(OsStr::from_bytes(path)))
        {
            return Ok(Err(error));
        }
        line.clear();
    }
    drop(waiting);
    Ok(Ok(oddities))
}

/// True if another process may be unable to read the list.
pub(super) fn is_transient(list: &Path) -> bool {
    let is_process = |folder: &Path| folder.starts_with("/proc") && folder.file_name() == Some(OsStr::new("fd"));
    let is_open_file = list.parent().is_some_and(|folder| folder == Path::new("/dev/fd") || is_process(folder));
    is_open_file || list == Path::new("/dev/stdin") || !list.is_file()
}

fn exists(path: &[u8]) -> bool {
    Path::new(OsStr::from_bytes(path)).exists()
}

/// An open list and a sender. Dropping the sender cancels the message about waiting.
type OpenList = (Box<dyn BufRead>, Option<Sender<()>>);

fn open(list: &Path, console: &Arc<Console>) -> io::Result<OpenList> {
    if list.as_os_str() == OsStr::new(STDIN) {
        return Ok((Box::new(io::stdin().lock()), Some(remind(console.clone()))));
    }
    Ok((Box::new(BufReader::new(fs::File::open(list)?)), None))
}

fn remind(console: Arc<Console>) -> Sender<()> {
    let (sender, ended) = mpsc::channel();
    let wait = move || {
        if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            console.say("waiting for the end of the list on standard input (Ctrl-D ends it on a terminal)");
        }
    };
    // If the thread cannot be started, there is no message.
    let _ = thread::Builder::new().spawn(wait);
    sender
}
