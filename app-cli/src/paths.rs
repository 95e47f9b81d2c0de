//! From arguments to files: reads lists, walks folders, makes each path absolute.
//!
//! `PathListArgs` has the options of every command that takes files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use autoproc_domain::FilePath;
use autoproc_domain::request::Selector;
use clap::Args;
use walkdir::{DirEntry, WalkDir};

use crate::error::CliError;
use crate::escape::Shown;
use crate::exit_code::ExitCode;
use crate::project::Project;

/// The argument for standard input.
const STDIN: &str = "-";

/// How lists of paths are read.
#[derive(Debug, Args)]
pub(crate) struct PathListArgs {
    /// Read paths from this file too, one a line; `-` is standard input
    #[arg(long, hide_short_help = true, value_name = "LIST")]
    from_file: Option<PathBuf>,
    /// Paths in lists end with a NUL byte instead of a line end
    #[arg(short = '0', long, hide_short_help = true)]
    pub(crate) null: bool,
    /// Take hidden files and folders too, if a folder is given
    #[arg(long, hide_short_help = true)]
    hidden: bool,
    /// Fail, and add nothing, if a file does not exist
    #[arg(long, hide_short_help = true)]
    must_exist: bool,
}

/// The file that an argument names.
///
/// # Errors
/// [`CliError`] if it is not a path.
pub(crate) fn resolve(cwd: &Path, path: &Path) -> Result<FilePath, CliError> {
    FilePath::resolve(cwd, path).map_err(|error| CliError::no_path(path, error))
}

/// The items of the files that arguments name.
///
/// # Errors
/// [`CliError`] if one of them is not a path.
pub(crate) fn selectors(cwd: &Path, paths: &[PathBuf]) -> Result<Vec<Selector>, CliError> {
    paths.iter().map(|path| resolve(cwd, path).map(Selector::Path)).collect()
}

/// The files given on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathSource {
    pub(crate) words: Vec<PathBuf>,
    /// A file that lists more paths.
    pub(crate) list: Option<PathBuf>,
    /// True if paths in lists end with NUL.
    pub(crate) null: bool,
    /// True to include hidden files in folders.
    pub(crate) hidden: bool,
    /// True if a missing file is an error.
    pub(crate) must_exist: bool,
}

/// What becomes of a named file that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is added, with a warning: it may exist when its turn comes.
    Warn,
    /// Nothing is added.
    Refuse,
}

/// The files found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    pub(crate) files: Vec<FilePath>,
    pub(crate) missing: Missing,
    /// Patterns that the shell found nothing for.
    pub(crate) unmatched: Vec<PathBuf>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) count: usize,
    /// The first few: more warnings than fit on a screen are not read.
    pub(crate) first: Vec<FilePath>,
}

/// Only the number of further missing files is printed.
const MAX_NAMED: usize = 20;

impl Missing {
    fn take_in(&mut self, path: &FilePath) {
        self.count += 1;
        if self.first.len() < MAX_NAMED {
            self.first.push(path.clone());
        }
    }
}

impl PathSource {
    /// Combines the arguments with the options for lists.
    pub(crate) fn new(words: Vec<OsString>, args: &PathListArgs) -> Self {
        Self {
            words: words.into_iter().map(PathBuf::from).collect(),
            list: args.from_file.clone(),
            null: args.null,
            hidden: args.hidden,
            must_exist: args.must_exist,
        }
    }

    /// True if no file can be found.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.list.is_none()
    }

    /// Finds the files. Changes nothing.
    ///
    /// # Errors
    /// [`CliError`] if a list or folder cannot be read, an argument is not a path, or a required
    /// file is missing.
    pub(crate) fn gather(&self, absent: Absent, cwd: &Path, project: &Project) -> Result<Gathered, CliError> {
        let mut gathered = Gathered::default();
        let mut take = |path: &Path| self.take_in(path, cwd, project, &mut gathered);
        for word in &self.words {
            if word.as_os_str() == STDIN { self.read_list(word, &mut take)? } else { take(word)? }
        }
        if let Some(list) = &self.list {
            self.read_list(list, &mut take)?;
        }
        match gathered.missing.first.first() {
            Some(path) if self.must_exist || absent == Absent::Refuse => Err(missing(path, gathered.missing.count)),
            _ => Ok(gathered),
        }
    }

    /// Reads a list path by path, so that of a million paths only the results are in memory.
    fn read_list(&self, list: &Path, take: &mut dyn FnMut(&Path) -> Result<(), CliError>) -> Result<(), CliError> {
        let mut lines = open(list).map_err(|error| cannot_read(list, &error))?;
        let end = if self.null { 0 } else { b'\n' };
        let mut line = Vec::new();
        while lines.read_until(end, &mut line).map_err(|error| cannot_read(list, &error))? > 0 {
            let path = line.strip_suffix(&[end]).unwrap_or(&line);
            if !path.is_empty() {
                take(Path::new(OsStr::from_bytes(path)))?;
            }
            line.clear();
        }
        Ok(())
    }

    fn take_in(&self, path: &Path, cwd: &Path, project: &Project, into: &mut Gathered) -> Result<(), CliError> {
        let file = resolve(cwd, path)?;
        match fs::metadata(file.as_path()) {
            Ok(found) if found.is_dir() => return self.walk(&file, project, into),
            Ok(_) => {}
            Err(_) if is_folder_word(path) => return Err(no_folder(&file)),
            Err(_) if is_pattern(path) => {
                into.unmatched.push(path.to_owned());
                return Ok(());
            }
            Err(_) => into.missing.take_in(&file),
        }
        into.files.push(file);
        Ok(())
    }

    /// Adds the files below a folder, by name. Links to files count as files; links to folders are
    /// not followed.
    fn walk(&self, folder: &FilePath, project: &Project, into: &mut Gathered) -> Result<(), CliError> {
        let walk = WalkDir::new(folder.as_path()).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| self.is_wanted(entry, project)) {
            match entry {
                Ok(entry) if entry.path().is_file() => into.files.push(FilePath::new(entry.path())?),
                Ok(_) => {}
                Err(error) if is_gone(&error) => {}
                Err(error) => {
                    let place = error.path().unwrap_or(folder.as_path()).to_owned();
                    return Err(cannot_read(&place, &error.into()));
                }
            }
        }
        Ok(())
    }

    fn is_wanted(&self, entry: &DirEntry, project: &Project) -> bool {
        let is_hidden = entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".");
        (self.hidden || !is_hidden) && !project.is_own(entry.path())
    }
}

fn open(list: &Path) -> io::Result<Box<dyn BufRead>> {
    if list.as_os_str() == OsStr::new(STDIN) {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(fs::File::open(list)?)))
}

/// True for a word that can only mean a folder.
fn is_folder_word(word: &Path) -> bool {
    word.as_os_str().as_bytes().ends_with(b"/")
}

/// True for a word that a shell leaves as it is if no file fits.
fn is_pattern(word: &Path) -> bool {
    word.as_os_str().as_bytes().iter().any(|byte| b"*?[".contains(byte))
}

fn no_folder(folder: &FilePath) -> CliError {
    CliError::new(ExitCode::NoInput, format!("there is no folder {folder}"))
        .with_hint("nothing was added; check that its disk is mounted")
}

/// A file that disappears during the walk is left out.
fn is_gone(error: &walkdir::Error) -> bool {
    error.depth() > 0 && error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn cannot_read(path: &Path, error: &io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(path)), error).with_hint("nothing was added")
}

fn missing(first: &FilePath, count: usize) -> CliError {
    let others = match count {
        1 => String::new(),
        count => format!(", and {} more do not either", count - 1),
    };
    CliError::new(ExitCode::NoInput, format!("{first} does not exist{others}"))
        .with_hint("nothing was added; `autoproc queue add` adds a file that does not exist yet")
}
