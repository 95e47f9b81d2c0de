//! Records the command line of a run for `autoproc resume`.

use std::env;
use std::ffi::OsString;

use autoproc_domain::RunId;
use autoproc_system::RunCommand;

use super::misplaced::options;
use crate::context::Context;
use crate::error::CliError;
use crate::store_choice::OPTION;
use crate::wiring::Server;
use crate::word_roles::{Role, roles};

/// Records the command line of this process. Returns true if it was recorded. Records nothing if
/// another live run started this process, because resuming that run starts this process again.
///
/// # Errors
/// [`CliError`] if the live runs cannot be read.
pub(super) async fn record(run: &RunId, is_read_once: bool, context: &Context) -> Result<bool, CliError> {
    // Without a current folder, relative paths in the command line would have no meaning later.
    if context.cwd.as_os_str().is_empty() || context.outer_run().await?.is_some() {
        return Ok(false);
    }
    let mut words: Vec<_> = env::args_os().skip(1).collect();
    if let Some(address) = context.wiring.server().filter(|server| server.is_named_by_option()).map(Server::address) {
        words = with_store(&words, &address);
    }
    let command = RunCommand { run: Some(run.clone()), words, current_dir: context.cwd.clone(), is_read_once };
    let recorded = context.wiring.record_run_command(&command);
    if let Err(error) = &recorded {
        context
            .console
            .warn(format_args!("this run goes on, but `autoproc resume` will not be able to start it again, because it cannot be recorded: {error}"));
    }
    Ok(recorded.is_ok())
}

/// Replaces the addresses of the store, because they may contain passwords.
fn with_store(words: &[OsString], address: &str) -> Vec<OsString> {
    let roles = roles(words, &options());
    let is_named = |index: usize| roles[index] == Role::Option && words[index] == OPTION;
    let is_kept = |index: usize| match roles[index] {
        Role::Option => !is_named(index) && !is_joined(&words[index]),
        Role::Value => !is_named(index - 1),
        Role::Other => true,
    };
    let kept = (0..words.len()).filter(|index| is_kept(*index)).map(|index| words[index].clone());
    [OPTION.into(), address.into()].into_iter().chain(kept).collect()
}

fn is_joined(word: &OsString) -> bool {
    word.as_encoded_bytes().strip_prefix(OPTION.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_command_names_the_store_without_the_password() {
        for words in [
            &["--store", "postgres://a:secret@h/d", "run", "-j", "2", "--", "tool", "--store", "x"][..],
            &["run", "--store=postgres://a:secret@h/d", "-j", "2", "--", "tool", "--store", "x"],
            &["run", "-j", "2", "--store", "secret", "--store=secret", "--", "tool", "--store", "x"],
        ] {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            let expected = ["--store", "postgres://a@h/d", "run", "-j", "2", "--", "tool", "--store", "x"];
            assert_eq!(with_store(&words, "postgres://a@h/d"), expected, "{words:?}");
        }
    }
}
