//! The binary `autoproc`.
//!
//! # Theory of operation
//!
//! `cli` parses the command line. Each module in `commands` implements one command. A command
//! creates a view, and `context` prints the view as text or as JSON. Only `wiring` connects
//! adapters to ports. While a command runs, only `console` and `top` write to the terminal.
//!
//! A guard is a process that supervises commands. Guards execute this binary too, so `main` first
//! checks for that mode.

mod attempt_output;
mod cli;
mod commands;
mod completion;
mod console;
mod context;
mod delay;
mod error;
mod escape;
mod exit_code;
mod failure_groups;
mod followed_log;
mod forecasting;
mod forgotten_dashes;
mod global_args;
mod item_word;
mod maintenance;
mod missing_files;
mod number;
mod overwritten_lines;
mod path_map;
mod paths;
mod priority;
mod program_path;
mod project;
mod queued_below;
mod since;
mod size;
mod store_choice;
mod stored_output;
mod target_file;
mod view;
mod wiring;
mod word_roles;

use std::env;
use std::io::Write as _;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::CommandFactory;
use cli::Cli;
use commands::Command;
use console::Console;
use context::Context;
use error::CliError;
use exit_code::ExitCode;
use global_args::GlobalArgs;
use project::Project;
use store_choice::StoreChoice;
use tokio::runtime::Runtime;
use wiring::{OpenOptions, Purpose, Server, Wiring};

const ALLOW_NETWORK_FS: &str = "AUTOPROC_ALLOW_NETWORK_FS";

/// The time for which idle threads are kept. Longer than any run.
const KEEP_THREADS: Duration = Duration::from_secs(365 * 24 * 3600);

fn main() -> process::ExitCode {
    // Checked before anything else, so that the process of a guard stays small and single-threaded.
    if let Some(code) = autoproc_subprocess::become_guard() {
        return code;
    }
    if let Some(shell) = env::var_os(completion::VARIABLE) {
        completion::answer(&shell, env::args_os().skip(1), Cli::command());
        return process::ExitCode::SUCCESS;
    }
    let cli = Cli::of_command_line();
    let console = Arc::new(Console::new(cli.global.color));
    let outcome = execute(cli, &console);
    console.detach();
    let code = outcome.unwrap_or_else(|error| {
        console.error(&error);
        error.exit_code()
    });
    if let Some(signal) = code.signal() {
        // If the system refuses the signal, the process exits with `code`, which has the same
        // meaning.
        let _ = autoproc_system::end_by(signal);
    }
    code.into()
}

fn execute(cli: Cli, console: &Arc<Console>) -> Result<ExitCode, CliError> {
    match cli.command {
        Command::Completions(args) => commands::completions::completions(&args, &Cli::command(), console),
        Command::Version => {
            console.print(|out| writeln!(out, "autoproc {}", env!("CARGO_PKG_VERSION")))?;
            Ok(ExitCode::Success)
        }
        Command::Man(args) => commands::man::man(&args, Cli::command(), console),
        command => {
            // Without this handler, a write beyond the file size limit would end the process.
            let _ = autoproc_system::survive_file_size_limit();
            let context = context(&cli.global, &command, console)?;
            let runtime = runtime()?;
            keep_a_thread(&runtime)?;
            runtime.block_on(commands::dispatch(command, &context))
        }
    }
}

fn context(global: &GlobalArgs, command: &Command, console: &Arc<Console>) -> Result<Context, CliError> {
    // If the current folder was removed, absolute paths still work.
    let cwd = env::current_dir().unwrap_or_default();
    let project = Project::find(global.project_dir.as_deref(), &cwd, |name| env::var_os(name))?;
    let choice = StoreChoice::find(global.store.as_ref(), &project, |name| env::var_os(name))?;
    let map = store_choice::path_map(&global.map, choice.as_ref(), &project, |name| env::var_os(name))?;
    let server = choice.map(|choice| Server::open(&choice, command.unreachable_timeout(), console)).transpose()?;
    let project = match &server {
        Some(server) => project.of_store(server.local_name()),
        None => project,
    };
    let purpose = match command {
        Command::Run(_) => Purpose::Run,
        Command::Top => Purpose::Watch,
        _ => Purpose::Command,
    };
    let options = OpenOptions { lock_timeout: global.lock_timeout, allow_network_fs: allows_network_fs(global) };
    let had_queue = server.is_some() || project.has_queue();
    let wiring =
        Wiring::new(project.clone(), server, options, purpose, console.clone()).with_map(map, !global.map.is_empty());
    Ok(Context { project, wiring, console: console.clone(), cwd, json: global.json, had_queue })
}

/// Starts a thread for blocking work, and keeps the thread. Without such a thread, the runtime
/// panics if the system cannot start one later.
///
/// # Errors
/// [`CliError`] if the system cannot start a thread now.
fn keep_a_thread(runtime: &Runtime) -> Result<(), CliError> {
    let probe = thread::Builder::new().spawn(|| ());
    let probe = probe.map_err(|error| CliError::io("cannot start a thread", &error))?;
    // The runtime's thread needs the place of this thread.
    let _ = probe.join();
    runtime.spawn_blocking(|| ());
    Ok(())
}

fn allows_network_fs(global: &GlobalArgs) -> bool {
    global.allow_network_fs || env::var_os(ALLOW_NETWORK_FS).is_some_and(|value| value == "1")
}

fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(KEEP_THREADS)
        .build()
        .map_err(|error| CliError::io("cannot start the runtime", &error))
}
