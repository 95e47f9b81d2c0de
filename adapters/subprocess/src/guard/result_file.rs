//! The file that receives the standard output of a command.
//!
//! # Theory of operation
//!
//! The output goes to a temporary file in the folder of the result file. After a success, the
//! temporary file is synced and gets the name of the result file. So the result file appears
//! complete and durable, or not at all. After a failure, the temporary file disappears.
//!
//! The folder is synced last. If this sync fails, the result still counts as written, and the log
//! reports the error. Only a loss of power can then remove the name. If the attempt counted as
//! failed instead, the result of another input could replace the result file.
//!
//! The temporary file has no name (`O_TMPFILE`, open(2)). So nothing is left of it if its guard is
//! killed. linkat(2) gives it the name of the result file. To replace an older result file, the
//! temporary file first gets a temporary name and is then renamed.
//!
//! Some file systems have no files without a name. There, the temporary file has an unguessable
//! temporary name from the beginning. An existing file with this name is never opened. The guard
//! holds an exclusive flock(2) on the temporary file. If the guard is killed, the run removes the
//! file. If the run is killed too, a later guard removes all unlocked temporary files in the
//! folder.

mod temporary;

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use autoproc_domain::ports::StartFault;
use autoproc_regular_file::folder_of;
use rustix::io::Errno;

use crate::guard::{fault_of, is_permanent};
use crate::process::{Ending, ResultOwner, StdoutFile};
use temporary::{link, lock, open, open_named, open_unnamed, remove_if_unlocked, remove_leftovers, rename_new};

#[derive(Debug)]
pub(crate) struct ResultFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    is_named: bool,
    replaces: bool,
    bytes: u64,
    first_error: Option<io::Error>,
}

impl ResultFile {
    /// Creates the temporary file, and its folder if missing.
    ///
    /// # Errors
    /// [`Ending::NoResult`] if the temporary file cannot be created. Also if the result would
    /// replace the input, the result of another input, or anything but a regular file.
    /// [`Ending::CannotStart`] if descriptors or memory are short.
    pub(crate) fn create(wanted: &StdoutFile, input: Option<&Path>) -> Result<Self, Ending> {
        Self::create_with(wanted, input, open_unnamed)
    }

    fn create_with(
        wanted: &StdoutFile,
        input: Option<&Path>,
        open_unnamed: fn(&Path) -> io::Result<File>,
    ) -> Result<Self, Ending> {
        let path = PathBuf::from(&wanted.path);
        let shown = path.display();
        if let Some(owner) = &wanted.owner {
            return Err(owned(&path, owner));
        }
        if input.is_some_and(|input| is_same_file(&path, input)) {
            return Err(refused(format!("the standard output would replace the input file, {shown}")));
        }
        let existing = fs::symlink_metadata(&path);
        if existing.as_ref().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(refused(format!("{shown} exists and is not a regular file")));
        }
        let temporary = path.with_file_name(&wanted.temporary);
        let (file, is_named) = open(&temporary, open_unnamed).map_err(|error| cannot_create(&path, &error))?;
        let replaces = existing.is_ok();
        if is_named || replaces {
            remove_leftovers(folder_of(&path));
        }
        Ok(Self { path, temporary, file, is_named, replaces, bytes: 0, first_error: None })
    }

    /// Writes the next bytes. After an error, only counts the bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if self.first_error.is_none() {
            self.first_error = self.file.write_all(bytes).err();
        }
    }

    /// Publishes the result file after a success. Also returns a line for the log.
    ///
    /// # Errors
    /// [`Ending::NoResult`] if the result file could not be written. If only the folder cannot be
    /// synced, the line for the log reports the error.
    pub(crate) fn finish(self, has_succeeded: bool) -> (String, Result<(), Ending>) {
        self.finish_with(has_succeeded, |folder| File::open(folder))
    }

    fn finish_with(
        mut self,
        has_succeeded: bool,
        open_folder: fn(&Path) -> io::Result<File>,
    ) -> (String, Result<(), Ending>) {
        let bytes = self.bytes;
        if !has_succeeded {
            let line = format!("[autoproc: {bytes} bytes of standard output were discarded]\n");
            return (line, Ok(()));
        }
        match self.publish(open_folder) {
            Ok(synced) => {
                let path = self.path.to_string_lossy().replace(char::is_control, "?");
                let note = synced.err().map(|error| format!(", whose folder cannot be synced: {error}"));
                let note = note.unwrap_or_default();
                (format!("[autoproc: {bytes} bytes of standard output went to {path}{note}]\n"), Ok(()))
            }
            Err(error) => {
                let line = format!("[autoproc: {bytes} bytes of standard output were lost]\n");
                let ending = match error.kind() {
                    io::ErrorKind::AlreadyExists if !self.replaces => {
                        refused(format!("{} was created during the attempt and is not replaced", self.path.display()))
                    }
                    _ => cannot_write(&self.path, &error),
                };
                (line, Err(ending))
            }
        }
    }

    /// Gives the temporary file the name of the result file. An outer error means that there is no
    /// new result file. It is [`io::ErrorKind::AlreadyExists`] if a file with this name did not
    /// exist at the start and exists now. An inner error means only that the folder is not synced.
    fn publish(&mut self, open_folder: fn(&Path) -> io::Result<File>) -> io::Result<io::Result<()>> {
        self.first_error.take().map_or(Ok(()), Err)?;
        self.file.sync_all()?;
        // The folder is opened first, so that a shortage of descriptors is noticed before the
        // result file exists. An unreadable folder is no error.
        let folder = match open_folder(folder_of(&self.path)) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            opened => opened,
        };
        if self.replaces {
            self.give_temporary_name()?;
            fs::rename(&self.temporary, &self.path)?;
            self.is_named = false;
        } else {
            self.publish_new()?;
        }
        Ok(folder.and_then(|folder| folder.sync_all()))
    }

    fn publish_new(&mut self) -> io::Result<()> {
        if !self.is_named {
            match link(&self.file, &self.path) {
                // The file system supports files without a name, but cannot give them a name.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => self.give_temporary_name()?,
                linked => return linked,
            }
        }
        rename_new(&self.temporary, &self.path)
    }

    fn give_temporary_name(&mut self) -> io::Result<()> {
        // The lock shows other guards that the file is not a leftover.
        lock(&self.file);
        if !self.is_named && link(&self.file, &self.temporary).is_err() {
            let mut named = open_named(&self.temporary)?;
            self.is_named = true;
            self.file.rewind()?;
            io::copy(&mut self.file, &mut named)?;
            named.sync_all()?;
            self.file = named;
        }
        self.is_named = true;
        Ok(())
    }
}

impl Drop for ResultFile {
    fn drop(&mut self) {
        if self.is_named {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Removes the temporary file that a killed guard left for a result.
pub(crate) fn remove_abandoned(result: &StdoutFile) {
    remove_if_unlocked(&Path::new(&result.path).with_file_name(&result.temporary));
}

fn is_same_file(path: &Path, input: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    path == input || identity(path).is_some_and(|found| Some(found) == identity(input))
}

fn owned(path: &Path, owner: &ResultOwner) -> Ending {
    let (shown, file) = (path.display(), &owner.file);
    if owner.has_written {
        return refused(format!("{shown} already holds the standard output of {file}"));
    }
    let reason = format!("{shown} is reserved for the standard output of {file}, which was processed at the same time");
    Ending::NoResult { reason, permanent: false }
}

fn refused(reason: String) -> Ending {
    Ending::NoResult { reason, permanent: true }
}

/// Returns the ending for this error. A shortage of descriptors or memory is not the input's fault.
fn cannot_create(path: &Path, error: &io::Error) -> Ending {
    match fault_of(error) {
        fault @ StartFault::Shortage => Ending::CannotStart { reason: format!("{}: {error}", path.display()), fault },
        _ => cannot_write(path, error),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Ending {
    // These errors may be temporary: while a network share is not mounted, its folders are missing,
    // and only root may be able to create them.
    let may_pass = matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::ACCESS | Errno::PERM));
    Ending::NoResult {
        reason: format!("cannot write the standard output to {}: {error}", path.display()),
        permanent: is_permanent(error) && !may_pass,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::OpenOptions;
    use std::os::unix::fs::symlink;

    use super::*;

    const TEMPORARY: &str = ".autoproc-0123456789abcdef0123456789abcdef";

    fn wanted(path: &Path) -> StdoutFile {
        StdoutFile { path: path.into(), ok_exits: Vec::new(), temporary: TEMPORARY.into(), owner: None }
    }

    fn unsupported(_: &Path) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn without_link(folder: &Path) -> io::Result<File> {
        let path = folder.join("removed");
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        Ok(file)
    }

    const WAYS: [fn(&Path) -> io::Result<File>; 3] = [open_unnamed, unsupported, without_link];

    fn created(path: &Path, way: fn(&Path) -> io::Result<File>) -> ResultFile {
        ResultFile::create_with(&wanted(path), None, way).expect("created")
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    }

    fn reason(refused: Result<(), Ending>) -> (String, bool) {
        match refused {
            Err(Ending::NoResult { reason, permanent }) => (reason, permanent),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_result_appears_whole_or_not_at_all() {
        for way in WAYS {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("deep/er/a");
            for (has_succeeded, expected) in [(false, None), (true, Some("1")), (false, Some("1")), (true, Some("3"))] {
                let mut result = created(&path, way);
                result.write(if expected == Some("3") { b"3" } else { b"1" });
                result.finish(has_succeeded).1.expect("written");
                assert_eq!(fs::read_to_string(&path).ok().as_deref(), expected);
                assert_eq!(names(path.parent().expect("a folder")).len(), usize::from(expected.is_some()));
            }
        }
    }

    #[test]
    fn a_file_that_appeared_during_the_attempt_is_not_replaced() {
        for way in WAYS {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a");
            let mut result = created(&path, way);
            result.write(b"new");
            fs::write(&path, "of another program").expect("a file");
            let (why, permanent) = reason(result.finish(true).1);
            assert!(why.contains("a was created during the attempt") && permanent, "{why}");
            assert_eq!(fs::read_to_string(&path).expect("the file"), "of another program");
            assert_eq!(names(folder.path()), ["a"]);
        }
    }

    #[test]
    fn a_file_with_the_temporary_name_is_neither_opened_nor_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let other = folder.path().join(TEMPORARY);
        symlink("/etc/hostname", &other).expect("a link");
        let refused = ResultFile::create_with(&wanted(&path), None, unsupported).map(drop);
        assert!(reason(refused).0.contains("File exists"));
        remove_abandoned(&wanted(&path));
        assert_eq!(names(folder.path()), [TEMPORARY]);
    }

    #[test]
    fn what_a_killed_guard_left_is_removed_and_a_file_in_use_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let used = created(&path, unsupported);
        let left = format!(".autoproc-{}", "0".repeat(32));
        let others = [".a.autoproc", ".autoproc-1", ".autoproc-0123456789ABCDEF0123456789abcdef"];
        for name in others.into_iter().chain([left.as_str()]) {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        remove_abandoned(&wanted(&path));
        // Repeated calls for one folder do nothing, so the call for `/` separates two calls for
        // `folder`. The lock of `used` protects its file even from this process.
        remove_leftovers(Path::new("/"));
        remove_leftovers(folder.path());
        let mut expected: Vec<_> = others.iter().copied().chain([TEMPORARY]).map(OsString::from).collect();
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        drop(used);
        fs::write(folder.path().join(TEMPORARY), "").expect("a file");
        remove_abandoned(&wanted(&path));
        assert!(!folder.path().join(TEMPORARY).exists());
    }

    #[test]
    fn a_file_that_has_its_temporary_name_for_a_moment_is_in_use() {
        for way in WAYS {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a");
            let mut result = created(&path, way);
            result.give_temporary_name().expect("named");
            remove_abandoned(&wanted(&path));
            assert_eq!(names(folder.path()), [TEMPORARY]);
            drop(result);
            assert!(names(folder.path()).is_empty());
        }
    }

    #[test]
    fn only_a_regular_file_that_is_not_the_input_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("input"), "").expect("written");
        fs::hard_link(path("input"), path("hard")).expect("a link");
        symlink("input", path("soft")).expect("a link");
        symlink("missing", path("dangling")).expect("a link");
        fs::create_dir(path("folder")).expect("a folder");
        for (name, expected) in [
            ("input", "the input file"),
            ("hard", "the input file"),
            ("soft", "the input file"),
            ("dangling", "not a regular file"),
            ("folder", "not a regular file"),
            ("input/x", "Not a directory"),
        ] {
            let refused = ResultFile::create(&wanted(&path(name)), Some(&path("input"))).map(drop);
            let (why, permanent) = reason(refused);
            assert!(why.contains(expected) && permanent, "{name}: {why}");
        }
    }

    #[test]
    fn a_folder_that_may_be_mounted_later_is_not_refused_for_good() {
        let is_permanent =
            |errno: Errno| reason(Err(cannot_create(Path::new("/share/out/a"), &io::Error::from(errno)))).1;
        for errno in [Errno::ACCESS, Errno::PERM, Errno::NOENT, Errno::ROFS, Errno::STALE, Errno::NOSPC] {
            assert!(!is_permanent(errno), "{errno}");
        }
        for errno in [Errno::NOTDIR, Errno::LOOP, Errno::NAMETOOLONG] {
            assert!(is_permanent(errno), "{errno}");
        }
    }

    #[test]
    fn a_result_in_a_folder_that_cannot_be_synced_is_written() {
        let unreadable: fn(&Path) -> io::Result<File> = |_| Err(Errno::ACCESS.into());
        let unsyncable: fn(&Path) -> io::Result<File> = |_| File::open("/dev/null");
        for open_folder in [unreadable, unsyncable] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a");
            let mut result = created(&path, open_unnamed);
            result.write(b"new");
            let (line, outcome) = result.finish_with(true, open_folder);
            outcome.expect("the result is in place");
            assert_eq!(fs::read_to_string(&path).expect("the result"), "new");
            assert!(line.contains("/a, whose folder cannot be synced: ") && line.ends_with("]\n"), "{line}");
        }
    }

    #[test]
    fn without_descriptors_nothing_is_published() {
        for way in WAYS {
            let folder = tempfile::tempdir().expect("a folder");
            let mut result = created(&folder.path().join("a"), way);
            result.write(b"new");
            let (_, outcome) = result.finish_with(true, |_| Err(Errno::MFILE.into()));
            assert!(!reason(outcome).1, "retried");
            assert!(names(folder.path()).is_empty());
        }
    }

    #[test]
    fn results_and_folders_that_root_makes_belong_to_the_owner_of_the_folder() {
        const OWNER: u32 = 12_345;
        let folder = tempfile::tempdir().expect("a folder");
        if std::os::unix::fs::chown(folder.path(), Some(OWNER), Some(OWNER)).is_err() {
            return;
        }
        for (way, name) in WAYS.into_iter().zip(["a", "b", "c"]) {
            let path = folder.path().join(name).join("deep/result");
            created(&path, way).finish(true).1.expect("written");
            for made in path.ancestors().take(3) {
                assert_eq!(made.metadata().expect("made").uid(), OWNER, "{}", made.display());
            }
        }
    }

    #[test]
    fn the_result_of_another_file_is_refused_for_good_only_if_it_was_written() {
        for (has_written, expected) in [(true, "a already holds the standard output"), (false, "a is reserved for ")] {
            let owner = Some(ResultOwner { file: "/in/b".into(), has_written });
            let refused = ResultFile::create(&StdoutFile { owner, ..wanted(Path::new("/out/a")) }, None).map(drop);
            let (why, permanent) = reason(refused);
            assert!(why.contains(expected) && permanent == has_written, "{why}");
        }
    }
}
