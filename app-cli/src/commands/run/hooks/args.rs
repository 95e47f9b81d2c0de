//! The options of `run` for hooks and the job log.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};

const HEADING: &str = "Reports to others";

/// The options that report a run to other people and programs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct HookArgs {
    /// Execute this line with `sh -c` once when the run has ended, however it ended. Its standard
    /// input is the document that --json prints
    #[arg(long, hide_short_help = true, value_name = "STRING", value_hint = ValueHint::CommandString)]
    #[arg(value_parser = OsStringValueParser::new().try_map(line))]
    pub(in crate::commands::run) on_finish: Option<OsString>,
    /// Execute this line with `sh -c` for each file that fails and is not retried. Its standard
    /// input is a JSON document about the file; its environment is that of COMMAND
    #[arg(long, hide_short_help = true, value_name = "STRING", value_hint = ValueHint::CommandString)]
    #[arg(value_parser = OsStringValueParser::new().try_map(line))]
    pub(in crate::commands::run) on_failure: Option<OsString>,
    /// Time limit of one command of --on-finish or --on-failure
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, default_value = "60", value_parser = autoproc_time_text::parse_positive)]
    pub(in crate::commands::run) hook_timeout: Duration,
    /// Append a line for each attempt that ends to FILE, in the format of `parallel --joblog`
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::commands::run) joblog: Option<PathBuf>,
}

fn line(line: OsString) -> Result<OsString, &'static str> {
    if line.as_encoded_bytes().trim_ascii().is_empty() { Err("there is no command in it") } else { Ok(line) }
}
