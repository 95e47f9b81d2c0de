//! Writes a job log in the format of GNU parallel.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptReport, StartFault};
use autoproc_regular_file::{Links, folder_of, open_or_create, open_to_read};
use autoproc_subprocess::{AttemptLogs, CommandLine, FILE_VARIABLE, Subject, relative_path};

use super::work::Work;
use crate::console::Console;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::exit_code::ExitCode;
use crate::paths::absolute;
use crate::view::quoting::quoted_bytes;
use crate::wiring::AttemptListener;

const HEADING: &[u8] = b"Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/// Replaces `{%}` in the recorded command. The real slot is not known here.
const UNKNOWN_SLOT: usize = 0;

pub(super) struct Joblog {
    path: PathBuf,
    /// `None` before [`Joblog::open`].
    file: Mutex<Option<File>>,
    command: Command,
    project_dir: PathBuf,
    logs: AttemptLogs,
    console: Arc<Console>,
    has_failed: AtomicBool,
}

enum Command {
    Argv(CommandLine),
    Shell(CommandLine),
    Workflow(Vec<OsString>),
}

/// Checks that a run may write the job log, and returns its absolute path.
///
/// # Errors
/// [`CliError`] if the path is `-` or belongs to the queue, or if its folder does not exist. Also
/// if the existing file is not a job log or cannot be read.
pub(super) fn checked(path: &Path, context: &Context) -> Result<PathBuf, CliError> {
    if path.as_os_str() == "-" {
        return Err(CliError::usage("--joblog cannot write to standard output").with_hint("name a file"));
    }
    let absolute = absolute(&context.cwd, path).map_err(|error| CliError::no_path(path, error))?;
    if context.project.is_own(absolute.as_path()) {
        let error = format!("--joblog: {} belongs to the queue", Shown(path));
        return Err(CliError::new(ExitCode::CannotWrite, error).with_hint("name another file"));
    }
    match open_to_read(Links::Refuse, path) {
        Ok(mut file) => drop(check_heading(&mut file, path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder_of(path).is_dir() => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = Shown(folder_of(path));
            return Err(CliError::new(ExitCode::NoInput, format!("--joblog: the folder {folder} does not exist")));
        }
        Err(error) => return Err(cannot_write(path, &error)),
    }
    Ok(absolute.as_path().to_owned())
}

fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    CliError::new(ExitCode::CannotWrite, format!("--joblog: cannot write to {}: {error}", Shown(path)))
        .with_hint_unless_full("name a file that you may write, either a new one or a job log", error)
}

/// Returns true if the file is empty. Fails if the file is not a job log.
fn check_heading(file: &mut File, path: &Path) -> Result<bool, CliError> {
    let mut beginning = Vec::new();
    let read = file.take(HEADING.len() as u64).read_to_end(&mut beginning);
    read.map_err(|error| CliError::io(format!("cannot read {}", Shown(path)), &error))?;
    if !beginning.is_empty() && beginning != HEADING {
        return Err(CliError::usage(format!("--joblog: {} is not a job log", Shown(path)))
            .with_hint("name a new file, or one that `parallel --joblog` or `autoproc run --joblog` has written"));
    }
    Ok(beginning.is_empty())
}

impl Joblog {
    pub(super) fn new(path: &Path, work: &Work, context: &Context) -> Result<Self, CliError> {
        let command = match (work, work.command_line()) {
            (Work::Shell(_), Some(line)) => Command::Shell(line?),
            (_, Some(line)) => Command::Argv(line?),
            (_, None) => Command::Workflow(work.workflow_options()),
        };
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(None),
            command,
            project_dir: context.project.root().to_owned(),
            logs: context.wiring.attempt_logs(),
            console: context.console.clone(),
            has_failed: AtomicBool::new(false),
        })
    }

    /// Opens the file, or creates it with the heading. Call this only after all checks of the run,
    /// so that a refused run leaves no new file.
    ///
    /// # Errors
    /// [`CliError`] if the file cannot be written or is not a job log.
    pub(super) fn open(&self) -> Result<(), CliError> {
        let cannot_write = |error| cannot_write(&self.path, &error);
        let file = open_or_create(OpenOptions::new().read(true).append(true), &self.path);
        let mut file = file.map_err(cannot_write)?;
        // Without the lock, two runs could both write the heading.
        file.lock().map_err(cannot_write)?;
        let is_empty = check_heading(&mut file, &self.path)?;
        begin(&mut file, is_empty).map_err(cannot_write)?;
        file.unlock().map_err(cannot_write)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    fn line(&self, attempt: &Attempt, started_at: Timestamp, report: &AttemptReport) -> Vec<u8> {
        let started = started_at.as_micros().div_euclid(1000);
        let (seconds, thousandths) = (started.div_euclid(1000), started.rem_euclid(1000));
        let (exit_value, signal) = status_of(&report.outcome);
        let mut line = format!(
            "{}\t:\t{seconds}.{thousandths:03}\t{:10.3}\t0\t{}\t{exit_value}\t{signal}\t",
            attempt.token.item,
            report.elapsed.as_secs_f64(),
            self.output_bytes(attempt)
        )
        .into_bytes();
        line.extend(self.command.for_attempt(attempt, &self.project_dir));
        line.push(b'\n');
        line
    }

    fn output_bytes(&self, attempt: &Attempt) -> u64 {
        self.logs.path_of(attempt).metadata().map_or(0, |log| log.len())
    }
}

fn begin(file: &mut File, is_empty: bool) -> io::Result<()> {
    if is_empty {
        return file.write_all(HEADING);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

impl AttemptListener for Joblog {
    /// Appends the line in one write, so that lines of concurrent runs are not mixed.
    fn ended(&self, attempt: &Attempt, started_at: Timestamp, report: &AttemptReport) {
        let line = self.line(attempt, started_at, report);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.as_mut().map_or(Ok(()), |file| file.write_all(&line));
        if let Err(error) = written
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            let path = Shown(&self.path);
            self.console.warn(format_args!("--joblog: {path} is incomplete, because it cannot be written: {error}"));
        }
    }
}

impl Command {
    /// Returns a shell command that processes the file again.
    fn for_attempt(&self, attempt: &Attempt, project_dir: &Path) -> Vec<u8> {
        let file = &attempt.file_path;
        let line = match self {
            Self::Argv(line) | Self::Shell(line) => line,
            Self::Workflow(options) => {
                let words = [file.as_os_str()].into_iter().chain(options.iter().map(OsString::as_os_str));
                return [b"autoproc run".to_vec()]
                    .into_iter()
                    .chain(words.map(quoted_bytes))
                    .collect::<Vec<_>>()
                    .join(&b' ');
            }
        };
        let invocation = line.for_file(Subject {
            path: file.as_path(),
            relative: relative_path(file, attempt.depth, project_dir),
            item: Some(attempt.token.item),
            slot: UNKNOWN_SLOT,
        });
        let is_named = |(name, _): &(&str, _)| *name == FILE_VARIABLE;
        let unnamed = matches!(self, Self::Shell(_)) && !invocation.environment.iter().any(is_named);
        let own = unnamed.then(|| (FILE_VARIABLE, file.as_os_str().to_owned()));
        let variables = own.into_iter().chain(invocation.environment);
        let variables = variables.map(|(name, value)| [name.as_bytes(), b"=", &quoted_bytes(&value)].concat());
        let words = [&invocation.program].into_iter().chain(&invocation.arguments).map(|word| quoted_bytes(word));
        variables.chain(words).collect::<Vec<_>>().join(&b' ')
    }
}

/// Returns the exit code and the signal, as GNU parallel records them.
fn status_of(outcome: &AttemptOutcome) -> (i32, i32) {
    match outcome {
        AttemptOutcome::Succeeded => (0, 0),
        AttemptOutcome::Exited { code } => (*code, 0),
        AttemptOutcome::Signalled { signal } => (0, *signal),
        AttemptOutcome::OutOfMemory { .. } => (0, 9),
        AttemptOutcome::TimedOut { .. } | AttemptOutcome::Aborted => (-1, 15),
        // A shell exits with these statuses if it cannot start a program.
        AttemptOutcome::CannotStart { fault: StartFault::Missing, .. } => (127, 0),
        AttemptOutcome::CannotStart { .. } => (126, 0),
        AttemptOutcome::Interrupted { .. } => (-1, 9),
        AttemptOutcome::Unmet { .. } => (1, 0),
        AttemptOutcome::StepFailed { cause, .. }
        | AttemptOutcome::InputGone { cause }
        | AttemptOutcome::InputAway { cause } => status_of(cause),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
    use autoproc_domain::{FilePath, ItemId, RunId};

    use super::*;
    use crate::console::ColorWhen;

    fn attempt() -> Attempt {
        Attempt {
            token: ClaimToken { item: ItemId::new(7), number: ClaimNumber::new(1) },
            run: RunId::new("r"),
            file_path: FilePath::new("/in/a b").expect("a path"),
            depth: 1,
            round: 1,
            follows_completion: false,
            number: AttemptNumber::FIRST,
            max_attempts: 4,
            timeout: Duration::from_secs(1),
        }
    }

    fn joblog(path: &Path, file: File) -> Joblog {
        Joblog {
            path: path.to_owned(),
            file: Mutex::new(Some(file)),
            command: Command::Argv(CommandLine::argv(["wc", "-l"]).expect("a command")),
            project_dir: "/".into(),
            logs: AttemptLogs::new("/missing"),
            console: Arc::new(Console::new(ColorWhen::Never)),
            has_failed: AtomicBool::new(false),
        }
    }

    /// GNU parallel 20221122 writes the same columns.
    #[test]
    fn a_line_has_the_columns_of_parallel() {
        let log = joblog(Path::new("jobs"), tempfile::tempfile().expect("a file"));
        let started_at = Timestamp::from_micros(1_795_984_511_917_999);
        let report = AttemptReport::new(AttemptOutcome::Exited { code: 3 }, Duration::from_micros(2_125_400));
        let line = String::from_utf8(log.line(&attempt(), started_at, &report)).expect("text");
        assert_eq!(line, "7\t:\t1795984511.917\t     2.125\t0\t0\t3\t0\twc -l '/in/a b'\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_one_warning() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jobs");
        fs::write(&path, HEADING).expect("the file");
        let log = joblog(&path, File::open(&path).expect("opened for reading only"));
        log.console.divert();
        let report = AttemptReport::new(AttemptOutcome::Succeeded, Duration::ZERO);
        log.ended(&attempt(), Timestamp::MIN, &report);
        assert!(log.console.take_diverted().contains("jobs is incomplete, because it cannot be written: "));
        log.ended(&attempt(), Timestamp::MIN, &report);
        assert_eq!(log.console.take_diverted(), "");
    }
}
