//! Detects a missing or misplaced `--` in the arguments of `run`.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use autoproc_domain::request::Scope;
use clap::Args as _;

use super::args::RunArgs;
use super::work::Work;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::forgotten_dashes;
use crate::global_args::GlobalArgs;
use crate::paths::PathSource;
use crate::view::quoting::quoted_path;

/// Long options of `run` that are common in other programs. They are never reported.
const COMMON: [&str; 6] = ["all", "exclude", "include", "null", "quiet", "verbose"];

/// Fails if the user omitted `--` before the command.
///
/// # Errors
/// A usage error whose hint is the corrected command line.
pub(super) fn check_dashes(work: &Work, source: &PathSource, context: &Context) -> Result<(), CliError> {
    if !matches!(work, Work::Workflow(choice) if choice.word.is_none()) || source.is_empty() {
        return Ok(());
    }
    let words: Vec<_> = env::args_os().skip(1).collect();
    match forgotten_dashes::corrected(&words, &options(), &context.cwd) {
        Some(line) => Err(CliError::usage("there is no `--` before the command").with_hint(line)),
        None => Ok(()),
    }
}

pub(super) fn remark_on_option(work: &Work, is_quiet: bool, context: &Context) {
    let Work::Argv(words) = work else { return };
    let Some((program, arguments)) = words.split_first() else { return };
    let options = RunArgs::augment_args(clap::Command::new("run"));
    let is_option = |name: &str| options.get_arguments().any(|option| option.get_long() == Some(name));
    let named = |word: &&OsStr| name(word).is_some_and(|name| !COMMON.contains(&name) && is_option(name));
    let is_own = Path::new(program).file_name().is_some_and(|name| name == "autoproc");
    if let Some(option) = arguments.iter().map(AsRef::as_ref).find(named).filter(|_| !is_own && !is_quiet) {
        let (option, program) = (Shown(Path::new(option)), Shown(Path::new(program)));
        context.remark(&format!(
            "{program} gets {option}, because it stands behind `--`; write options of autoproc before `--`"
        ));
    }
}

/// Returns the name of a long option, without its dashes and value.
fn name(word: &OsStr) -> Option<&str> {
    word.to_str()?.strip_prefix("--")?.split('=').next()
}

pub(in crate::commands) fn options() -> clap::Command {
    RunArgs::augment_args(GlobalArgs::augment_args(clap::Command::new("run")))
}

/// Checks that the queue exists. Unless `is_all`, warns if no file is waiting but an argument of
/// the command is an existing file.
///
/// # Errors
/// [`CliError`] if there is no queue, or if the queue cannot be read.
pub(super) async fn check_files(work: &Work, is_all: bool, context: &Context) -> Result<(), CliError> {
    let misplaced = file_argument(work, &context.cwd);
    let hint = |error: CliError| match misplaced {
        Some(file) => {
            error.with_hint(format!("files stand before `--`, as in: autoproc run {} -- COMMAND", quoted_path(file)))
        }
        None => error,
    };
    context.require_queue().map_err(hint)?;
    if let Some(file) = misplaced.filter(|_| !is_all)
        && context.storage().counts(Scope::Queue).await?.waiting() == 0
    {
        let file = Shown(file);
        context
            .console
            .warn(format_args!("the command gets {file} as an argument; write files to process before `--`"));
    }
    Ok(())
}

fn file_argument<'w>(work: &'w Work, cwd: &Path) -> Option<&'w Path> {
    let Work::Argv(words) = work else { return None };
    let has_placeholder = words.iter().any(|word| word.as_bytes().contains(&b'{'));
    let arguments = words.iter().skip(1).map(Path::new).filter(|_| !has_placeholder);
    arguments.into_iter().find(|word| cwd.join(word).is_file())
}
