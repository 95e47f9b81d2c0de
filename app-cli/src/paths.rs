//! Converts arguments to the paths of files.

mod filter;
mod list;
mod unquoted;

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use autoproc_domain::FilePath;
use autoproc_domain::path::InvalidPath;
use clap::Args;
use globset::Glob;
use unicode_normalization::UnicodeNormalization;
use walkdir::{DirEntry, WalkDir};

use crate::console::Console;
use crate::error::CliError;
use crate::escape::Shown;
use crate::exit_code::ExitCode;
use crate::project::Project;
use crate::since::{self, Since};
use filter::Filter;
use list::STDIN;
pub(crate) use unquoted::Unquoted;

/// The options for lists of paths and for folders.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a flag is a bool, and there are several")]
pub(crate) struct PathListArgs {
    /// Also read paths from this file, one per line; `-` is standard input
    #[arg(long, hide_short_help = true, value_name = "LIST")]
    from_file: Option<PathBuf>,
    /// Paths in lists end with a NUL byte instead of a line end
    #[arg(short = '0', long, hide_short_help = true)]
    pub(crate) null: bool,
    /// Include hidden files and folders in the given folders
    #[arg(long, hide_short_help = true)]
    hidden: bool,
    /// Fail, and add nothing, if a file does not exist
    #[arg(long, hide_short_help = true)]
    must_exist: bool,
    /// Include only files whose name matches, as in '*.png'; may be repeated
    ///
    /// A pattern with a slash is matched with the path below the given folder: `**/2026/*.png`.
    #[arg(long, value_name = "GLOB", value_parser = filter::glob)]
    include: Vec<Glob>,
    /// Exclude files and folders whose name matches; may be repeated
    #[arg(long, value_name = "GLOB", value_parser = filter::glob)]
    exclude: Vec<Glob>,
    /// Only files modified since TIME: a time of day, a date, a date and time, or a span (2d)
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = since::parse)]
    newer_than: Option<Since>,
    /// Fail, and add nothing, if something below a folder cannot be read, or if no file is found
    #[arg(long, hide_short_help = true)]
    strict: bool,
}

pub(crate) fn resolve(cwd: &Path, path: &Path) -> Result<FilePath, CliError> {
    absolute(cwd, path).map_err(|error| CliError::no_path(path, error))
}

/// Makes a path absolute. Resolves a symbolic link only before a `..`.
///
/// # Errors
/// [`InvalidPath`] if the path is empty, or if [`FilePath::new`] rejects it.
pub(crate) fn absolute(cwd: &Path, path: &Path) -> Result<FilePath, InvalidPath> {
    if path.as_os_str().is_empty() {
        return Err(InvalidPath::Empty);
    }
    let mut resolved = PathBuf::new();
    for component in cwd.join(path).components() {
        if component == Component::ParentDir {
            if resolved.is_symlink() {
                resolved = fs::canonicalize(&resolved).unwrap_or(resolved);
            }
            resolved.pop();
        } else {
            resolved.push(component);
        }
    }
    FilePath::new(resolved)
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the command line")]
pub(crate) struct PathSource {
    words: Vec<PathBuf>,
    list: Option<PathBuf>,
    null: bool,
    hidden: bool,
    must_exist: bool,
    strict: bool,
    filter: Filter,
    /// A file that is skipped when folders are searched.
    left_out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The file is added with a warning, because it may exist when it is processed.
    Warn,
    Refuse,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    pub(crate) path: FilePath,
    /// The number of folder levels from the named folder to the file. 0 if the user named the file.
    pub(crate) depth: u8,
}

#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) files: Vec<FoundFile>,
    pub(crate) folders: Vec<FilePath>,
    pub(crate) missing: Listed,
    /// The named files that may exist but cannot be examined, each with the reason.
    pub(crate) unexamined: Listed,
    /// The unreadable subfolders, and the files with invalid paths, each with the reason.
    pub(crate) unreadable: Listed,
    /// The number of files that an option excluded, without the files in excluded folders.
    pub(crate) left_out: usize,
    pub(crate) remarks: Vec<String>,
    pub(crate) unquoted: Option<Unquoted>,
    /// The number of excluded files that an argument or a list names.
    named_out: usize,
    /// The text of [`Filter::options`].
    options: String,
    /// True if a missing path exists in its other Unicode form, NFC or NFD.
    has_other_form: bool,
}

/// Counts missing or unreadable files. Names only the first few.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) count: usize,
    pub(crate) first: Vec<String>,
}

impl Gathered {
    /// Explains why no file was found. Returns `None` if files were found.
    pub(crate) fn nothing(&self) -> Option<String> {
        if !self.files.is_empty() {
            return None;
        }
        let place = match &self.folders[..] {
            [folder] if self.named_out == 0 => format!(" in {folder}"),
            _ => String::new(),
        };
        Some(match self.left_out {
            0 => format!("no files were found{place}"),
            1 => format!("nothing to add: {} excludes the only file{place}", self.options),
            more => format!("nothing to add: {} excludes all {more} files{place}", self.options),
        })
    }
}

impl Listed {
    fn push(&mut self, name: impl FnOnce() -> String, most: usize) {
        self.count += 1;
        if self.first.len() < most {
            self.first.push(name());
        }
    }
}

const MAX_MISSING: usize = 20;

const MAX_UNREADABLE: usize = 5;

pub(crate) struct Surroundings<'a> {
    pub(crate) cwd: &'a Path,
    /// The project's own files are skipped when folders are searched; see [`Project::is_own`].
    pub(crate) project: &'a Project,
    pub(crate) console: &'a Arc<Console>,
}

impl PathSource {
    /// Combines the arguments with the options.
    ///
    /// # Errors
    /// [`CliError`] if the patterns together are too large.
    pub(crate) fn new(words: Vec<OsString>, args: &PathListArgs) -> Result<Self, CliError> {
        Ok(Self {
            words: words.into_iter().map(PathBuf::from).collect(),
            list: args.from_file.clone(),
            null: args.null,
            hidden: args.hidden,
            must_exist: args.must_exist,
            strict: args.strict,
            filter: Filter::new(&args.include, &args.exclude, args.newer_than)?,
            left_out: None,
        })
    }

    /// Excludes the file at this absolute path from searches of folders.
    pub(crate) fn leaving_out(self, path: Option<PathBuf>) -> Self {
        Self { left_out: path, ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.list.is_none()
    }

    /// True if another process may be unable to read a list again.
    pub(crate) fn is_read_once(&self, cwd: &Path) -> bool {
        let is_stdin = |path: &PathBuf| path.as_os_str() == STDIN;
        self.words.iter().any(is_stdin)
            || self.list.iter().any(|path| is_stdin(path) || list::is_transient(&cwd.join(path)))
    }

    /// Finds the files.
    ///
    /// # Errors
    /// [`CliError`] if a list or a named folder cannot be read, an argument is not a valid path, or
    /// a required file or folder is missing. If `strict`, also if a file or subfolder cannot be
    /// read, or if no file is found.
    pub(crate) fn gather(&self, absent: Absent, around: &Surroundings<'_>) -> Result<Gathered, CliError> {
        let mut gathered = Gathered { options: self.filter.options(), ..Gathered::default() };
        gathered.unquoted = Unquoted::find(&self.filter, &self.words, around.cwd);
        for word in &self.words {
            if word.as_os_str() == STDIN {
                self.read_list(word, around, &mut gathered)?;
            } else if is_pattern(word) && !around.cwd.join(word).exists() {
                gathered.remarks.push(format!("nothing matches {}", Shown(word)));
            } else {
                self.take_in(word, around, &mut gathered)?;
            }
        }
        if let Some(list) = &self.list {
            self.read_list(list, around, &mut gathered)?;
        }
        if gathered.has_other_form {
            gathered.remarks.push(OTHER_FORM.to_owned());
        }
        let is_required = self.must_exist || absent == Absent::Refuse;
        if let Some(place) = gathered.unexamined.first.first().filter(|_| is_required) {
            return Err(CliError::new(ExitCode::NoInput, place).with_hint("nothing was added"));
        }
        match (gathered.missing.first.first(), gathered.unreadable.first.first()) {
            (Some(path), _) if is_required => Err(missing(path, &gathered)),
            (_, Some(place)) if self.strict => {
                Err(CliError::new(ExitCode::Io, format!("cannot read {place}")).with_hint("nothing was added"))
            }
            _ => match gathered.nothing().filter(|_| self.strict) {
                Some(nothing) => Err(CliError::new(ExitCode::NoInput, nothing).with_hint("nothing was added")),
                None => Ok(gathered),
            },
        }
    }

    fn read_list(&self, list: &Path, around: &Surroundings<'_>, into: &mut Gathered) -> Result<(), CliError> {
        let read = list::read(list, self.null, around.console, |path| self.take_in(path, around, into));
        let oddities = read.map_err(|error| cannot_read(list, &error))??;
        if oddities.has_crlf || oddities.has_mark {
            into.remarks.push(format!("{}: CRLF line ends or a byte order mark were ignored", Shown(list)));
        }
        Ok(())
    }

    fn take_in(&self, path: &Path, around: &Surroundings<'_>, into: &mut Gathered) -> Result<(), CliError> {
        let file = resolve(around.cwd, path)?;
        let examined = fs::metadata(file.as_path());
        let metadata = examined.as_ref().ok();
        if metadata.is_some_and(Metadata::is_dir) {
            self.walk(&file, around.project, into)?;
            into.folders.push(file);
            return Ok(());
        }
        if let Err(error) = &examined
            && is_folder_word(path)
        {
            return Err(no_folder(&file, error));
        }
        if !self.filter.wants(path, metadata) {
            into.left_out += 1;
            into.named_out += 1;
            return Ok(());
        }
        match &examined {
            Ok(_) => {}
            Err(error) if is_absent(error) => {
                into.has_other_form = into.has_other_form || exists_in_other_form(file.as_path());
                into.missing.push(|| file.to_string(), MAX_MISSING);
            }
            Err(error) => into.unexamined.push(|| unexamined(&file, error), MAX_MISSING),
        }
        into.files.push(FoundFile { path: file, depth: 0 });
        Ok(())
    }

    /// Adds the files below a folder, sorted by name. Does not follow links to folders.
    fn walk(&self, folder: &FilePath, project: &Project, into: &mut Gathered) -> Result<(), CliError> {
        let walk = WalkDir::new(folder.as_path()).sort_by_file_name().into_iter();
        let below = |path: &Path| path.strip_prefix(folder.as_path()).unwrap_or(path).to_owned();
        let is_wanted = |entry: &DirEntry| self.is_wanted(entry, &below(entry.path()), project);
        for entry in walk.filter_entry(is_wanted) {
            match entry {
                Ok(entry) => self.found(&entry, &below(entry.path()), into),
                Err(error) if is_gone(&error) => {}
                Err(error) if error.depth() == 0 => return Err(cannot_read(folder.as_path(), &io_error(error))),
                Err(error) => into.unreadable.push(|| reason(&error), MAX_UNREADABLE),
            }
        }
        Ok(())
    }

    /// True if a search of `folder` would find a file at `path`. The file need not exist.
    pub(crate) fn finds(&self, folder: &Path, path: &Path, project: &Project) -> bool {
        let Ok(below) = path.strip_prefix(folder) else { return false };
        let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
        let mut above = below.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        (self.hidden || !below.components().any(is_hidden))
            && above.all(|above| self.filter.wants_folder(above) && !project.is_own(&folder.join(above)))
            && self.filter.wants(below, None)
    }

    fn found(&self, entry: &DirEntry, below: &Path, into: &mut Gathered) {
        // Follows links, because the command that processes the file follows them too.
        let Some(metadata) = fs::metadata(entry.path()).ok().filter(Metadata::is_file) else { return };
        if !self.filter.wants(below, Some(&metadata)) {
            into.left_out += 1;
            return;
        }
        match FilePath::new(entry.path()) {
            Ok(path) => {
                let depth = u8::try_from(entry.depth()).unwrap_or(u8::MAX);
                into.files.push(FoundFile { path, depth });
            }
            Err(error) => {
                into.unreadable.push(|| format!("{}: {error}", Shown(entry.path())), MAX_UNREADABLE);
            }
        }
    }

    fn is_wanted(&self, entry: &DirEntry, below: &Path, project: &Project) -> bool {
        let is_hidden = entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".");
        let is_excluded = entry.depth() > 0 && entry.file_type().is_dir() && !self.filter.wants_folder(below);
        let is_left_out = self.left_out.as_deref() == Some(entry.path()) || project.is_own(entry.path());
        (self.hidden || !is_hidden) && !is_excluded && !is_left_out
    }
}

fn reason(error: &walkdir::Error) -> String {
    let place = error.path().map_or_else(String::new, |path| Shown(path).to_string());
    let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    format!("{place}: {why}")
}

/// Returns the I/O error without the path that `walkdir` adds.
fn io_error(error: walkdir::Error) -> io::Error {
    let text = error.to_string();
    error.into_io_error().unwrap_or_else(|| io::Error::other(text))
}

fn is_folder_word(word: &Path) -> bool {
    word.as_os_str().as_bytes().ends_with(b"/")
}

fn is_pattern(word: &Path) -> bool {
    word.as_os_str().as_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// True if the error of examining a file proves that there is no such file.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unexamined(file: &FilePath, error: &io::Error) -> String {
    format!("{file} cannot be examined: {error}")
}

fn no_folder(folder: &FilePath, error: &io::Error) -> CliError {
    if !is_absent(error) {
        return CliError::new(ExitCode::NoInput, unexamined(folder, error)).with_hint("nothing was added");
    }
    CliError::new(ExitCode::NoInput, format!("there is no folder {folder}"))
        .with_hint("nothing was added; check that its disk is mounted")
}

fn is_gone(error: &walkdir::Error) -> bool {
    error.depth() > 0 && error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn cannot_read(path: &Path, error: &io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(path)), error).with_hint("nothing was added")
}

fn missing(first: &str, gathered: &Gathered) -> CliError {
    let others = match gathered.missing.count {
        1 => String::new(),
        2 => ", nor does 1 other file".to_owned(),
        count => format!(", nor do {} other files", count - 1),
    };
    CliError::new(ExitCode::NoInput, format!("{first} does not exist{others}")).with_hint(if gathered.has_other_form {
        OTHER_FORM
    } else {
        "nothing was added; `autoproc queue add` adds a file that does not exist yet"
    })
}

const OTHER_FORM: &str = "a name on disk looks the same but is encoded differently, which happens with lists from a Mac; give the folder instead, or convert the list with: uconv -x any-nfc";

/// True if the path exists in its other Unicode form (NFC or NFD). A list from a Mac may spell
/// names in NFD.
fn exists_in_other_form(path: &Path) -> bool {
    let Some(text) = path.to_str().filter(|text| !text.is_ascii()) else { return false };
    let exists = |form: String| form != text && Path::new(&form).exists();
    exists(text.nfc().collect()) || exists(text.nfd().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_search_does_not_repeat_the_path() {
        let error = WalkDir::new("/no/such/folder").into_iter().find_map(Result::err).expect("no folder");
        assert_eq!(io_error(error).to_string(), io::Error::from_raw_os_error(2).to_string());
    }
}
