//! `resume`: continues paused runs, or restarts the latest run.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use autoproc_domain::Status;
use autoproc_domain::request::Selector;
use autoproc_subprocess::{PROJECT_VARIABLE, own_executable};
use autoproc_system::{RecordedCommand, RunCommand};
use clap::Args;

use super::{pause, run};
use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::escape::{Printable, Shown};
use crate::exit_code::ExitCode;
use crate::paths::resolve;
use crate::view::quoting::{quoted, quoted_template};
use crate::word_roles::{Role, roles};

/// The options that `resume` omits. They would repeat finished work.
const LEFT_OUT: [&str; 2] = ["--again", "--from-start"];

const JSON: &str = "--json";

const UNTIL: &str = "--until";

const LIST: &str = "--from-file";

const START: &str = "start one with: autoproc run -- COMMAND {}";

/// The arguments of `resume`.
#[derive(Debug, Args)]
#[command(after_help = "If runs are live, continues the paused ones, also a run that Ctrl-Z suspended. Runs of
other machines are named and left alone.

If no run is live, starts the latest run again: with its command or workflow, its options and files,
in its folder. Completed files stay completed. The new run leaves out --again, --from-start, and
an --until that is over. The exit status is that of the run.

Exit status:
  0   no live run of this machine is paused
  66  no run is live, and none can be started again
  75  a run did not confirm the request within 30 seconds

Example:
  autoproc resume")]
pub(crate) struct ResumeArgs {
    /// Only continue paused runs; start none
    #[arg(long)]
    paused_only: bool,
}

pub(super) async fn resume(args: &ResumeArgs, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let control = context.wiring.run_control();
    let is_live = context.runs().live().await?.iter().any(|run| control.is_described_here(run));
    if args.paused_only || is_live {
        return pause::resume(context).await;
    }
    let recorded = recorded(context)?;
    let words = without_past_deadline(&repeated(&recorded.words), context);
    let words = without_finished(words, &recorded.current_dir, context).await?;
    Err(start_again(words, &recorded.current_dir, context))
}

fn recorded(context: &Context) -> Result<RunCommand, CliError> {
    let recorded = context.wiring.run_command().map_err(|error| cannot_start(in_one_line(&error)))?;
    let Some(recorded) = recorded else {
        return Err(cannot_start("no earlier run is recorded").with_hint(START));
    };
    let RecordedCommand { command, is_own } = recorded;
    if subcommand(&command.words).is_none() {
        return Err(cannot_start("the recorded command line is not a run").with_hint(START));
    }
    let line = line(&repeated(&command.words));
    if !is_own {
        return Err(cannot_start(
            "the record of the latest run is of another folder: this folder is a copy of it, or was moved",
        )
        .with_hint(format!("if you trust this command, start it yourself: {line}")));
    }
    if command.is_read_once {
        let line = self::line(&without_files(&repeated(&command.words)));
        return Err(cannot_start("the latest run read its list of files from standard input or a pipe")
            .with_hint(format!("its files wait in the queue; process them with: {line}")));
    }
    if !command.current_dir.is_dir() {
        let folder = Shown(&command.current_dir);
        return Err(cannot_start(format!("the folder of the latest run is gone: {folder}"))
            .with_hint(format!("change to another folder, and start the run there with: {line}")));
    }
    Ok(command)
}

fn cannot_start(why: impl std::fmt::Display) -> CliError {
    CliError::new(ExitCode::NoInput, format!("no run is live, and none can be started again: {why}"))
}

/// Removes completed files that no longer exist. A run refuses missing files.
async fn without_finished(
    words: Vec<OsString>,
    current_dir: &Path,
    context: &Context,
) -> Result<Vec<OsString>, CliError> {
    let are_files = are_files(&words);
    let (mut kept, mut files) = (Vec::with_capacity(words.len()), 0);
    for (word, is_file) in words.into_iter().zip(&are_files) {
        if !is_file || !is_finished(&word, current_dir, context).await? {
            files += usize::from(*is_file);
            kept.push(word);
        }
    }
    // Without files and lists, the run would process the whole queue.
    if files == 0 && are_files.contains(&true) && without_files(&kept).len() == kept.len() {
        return Err(cannot_start("the files of the latest run are completed, and do not exist any more"));
    }
    Ok(kept)
}

async fn is_finished(word: &OsStr, current_dir: &Path, context: &Context) -> Result<bool, CliError> {
    let path = resolve(current_dir, Path::new(word))?;
    if path.as_path().symlink_metadata().is_ok() {
        return Ok(false);
    }
    let item = context.storage().find(Selector::Path(path)).await?;
    Ok(item.is_some_and(|item| item.status == Status::Completed))
}

/// Replaces this process with the run. Returns only on failure.
fn start_again(mut words: Vec<OsString>, current_dir: &Path, context: &Context) -> CliError {
    context.console.say(format_args!("starting again: {}{}", line(&words), place(current_dir, context)));
    if context.json && !has_option(&words, JSON) {
        words.insert(0, JSON.into());
    }
    let program = match own_executable() {
        Ok(program) => program,
        Err(error) => return CliError::io("cannot determine the path of this program", &error),
    };
    // The environment variable selects this project, unless the command line contains
    // `--project-dir`.
    let mut run = Command::new(program);
    run.arg0("autoproc").args(words).current_dir(current_dir);
    let error = run.env(PROJECT_VARIABLE, context.project.root()).exec();
    CliError::io("cannot start the run", &error)
}

fn place(folder: &Path, context: &Context) -> String {
    if folder == context.cwd { String::new() } else { format!(" (in {})", Shown(folder)) }
}

fn repeated(words: &[OsString]) -> Vec<OsString> {
    let roles = roles(words, &run::options());
    let is_kept =
        |(word, role): &(&OsString, &Role)| **role != Role::Option || !LEFT_OUT.iter().any(|out| *word == out);
    words.iter().zip(&roles).filter(is_kept).map(|(word, _)| word.clone()).collect()
}

/// Removes `--until` with a past time. A run refuses such a time.
fn without_past_deadline(words: &[OsString], context: &Context) -> Vec<OsString> {
    let roles = roles(words, &run::options());
    let is_until = |index: usize| roles[index] == Role::Option && words[index] == UNTIL;
    let joined = |word: &OsString| Some(word.to_str()?.strip_prefix(UNTIL)?.strip_prefix('=')?.to_owned());
    let is_over = |text: Option<&str>| text.is_some_and(|text| run::is_past(text, context));
    let is_kept = |index: usize| match roles[index] {
        Role::Option if is_until(index) => !is_over(words.get(index + 1).and_then(|word| word.to_str())),
        Role::Option => !is_over(joined(&words[index]).as_deref()),
        Role::Value if is_until(index - 1) => !is_over(words[index].to_str()),
        _ => true,
    };
    (0..words.len()).filter(|index| is_kept(*index)).map(|index| words[index].clone()).collect()
}

fn has_option(words: &[OsString], option: &str) -> bool {
    words.iter().zip(roles(words, &run::options())).any(|(word, role)| role == Role::Option && word == option)
}

fn subcommand(words: &[OsString]) -> Option<usize> {
    let first = roles(words, &run::options()).iter().position(|role| *role == Role::Other)?;
    (words[first] == "run").then_some(first)
}

fn are_files(words: &[OsString]) -> Vec<bool> {
    let (roles, run) = (roles(words, &run::options()), subcommand(words));
    let end = words.iter().zip(&roles).take_while(|(word, role)| **role != Role::Other || *word != "--").count();
    (0..words.len()).map(|index| roles[index] == Role::Other && index < end && Some(index) != run).collect()
}

/// Removes the files and the lists of files. The run then processes the whole queue.
fn without_files(words: &[OsString]) -> Vec<OsString> {
    let (roles, are_files) = (roles(words, &run::options()), are_files(words));
    let is_list = |index: usize| roles[index] == Role::Option && words[index] == LIST;
    let is_kept = |index: usize| match roles[index] {
        Role::Option => !is_list(index) && !words[index].as_encoded_bytes().starts_with(b"--from-file="),
        Role::Value => !is_list(index - 1),
        Role::Other => !are_files[index],
    };
    (0..words.len()).filter(|index| is_kept(*index)).map(|index| words[index].clone()).collect()
}

/// Quotes a command line for a shell.
fn line(words: &[OsString]) -> String {
    let word = |word: &OsString| {
        let word = word.to_string_lossy();
        if word.contains('$') { quoted(&word) } else { quoted_template(&word) }
    };
    let words: Vec<_> = words.iter().map(word).collect();
    Printable(&format!("autoproc {}", words.join(" "))).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_repeat_work_are_left_out_before_the_command_only() {
        let words =
            ["run", "--again", "-j2", "--from-start", "--", "tool", "--again", "{}", "$HOME"].map(OsString::from);
        let kept = repeated(&words);
        assert_eq!(line(&kept), "autoproc run -j2 -- tool --again {} '$HOME'");
        let words = ["run", "--shell", "a; b", "--again"].map(OsString::from);
        assert_eq!(line(&repeated(&words)), "autoproc run --shell 'a; b'");
        let words = ["run", "--shell", "--", "--again"].map(OsString::from);
        assert_eq!(line(&repeated(&words)), "autoproc run --shell --");
    }

    #[test]
    fn a_record_of_another_command_is_no_run() {
        for (words, expected) in [
            (&["run", "--", "tool"][..], Some(0)),
            (&["--project-dir", "run", "-q", "run"], Some(3)),
            (&["--project-dir", "p", "--json", "run"], Some(3)),
            (&["queue", "clear"], None),
            (&["--project-dir", "run", "queue", "clear"], None),
            (&["--", "run"], None),
            (&["--version"], None),
            (&[], None),
        ] {
            assert_eq!(subcommand(&words.iter().map(OsString::from).collect::<Vec<_>>()), expected, "{words:?}");
        }
    }

    #[test]
    fn files_and_lists_are_left_out_before_the_command_only() {
        for (words, expected) in [
            (&["run", "-j", "2", "-", "a", "--", "cat", "-"][..], "autoproc run -j 2 -- cat -"),
            (
                &["run", "--from-file", "-", "-0", "--", "cat", "--from-file", "-"],
                "autoproc run -0 -- cat --from-file -",
            ),
            (&["run", "--from-file=/dev/fd/63", "--shell", "--"], "autoproc run --shell --"),
        ] {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            assert_eq!(line(&without_files(&words)), expected);
        }
    }
}
