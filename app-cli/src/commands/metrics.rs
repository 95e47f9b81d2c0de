//! `metrics`: prints figures of the queue for Prometheus.

mod figures;
mod text;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::target_file::{FileKind, TargetFile};
use figures::Figures;
use text::BEGINNING;

const METRICS: FileKind = FileKind { beginning: BEGINNING, name: "a file that `autoproc metrics` wrote" };

/// The mode of the metrics file. The collector usually runs as another user.
const MODE: u32 = 0o644;

/// The arguments of `metrics`.
#[derive(Debug, Args)]
#[command(after_help = "Every figure has the label `queue`, so files of several queues may lie in one folder. FILE is
replaced as a whole, and its name must end in .prom for the collector. The output has the same
format with --json.

Examples:
  autoproc metrics
  autoproc metrics --output /var/lib/prometheus/node-exporter/autoproc.prom")]
pub(crate) struct MetricsArgs {
    /// Write the figures to FILE, which everyone can read, in place of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Replace FILE even if `autoproc metrics` did not write it
    #[arg(long, requires = "output")]
    force: bool,
}

pub(super) async fn metrics(args: &MetricsArgs, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let file = args.output.as_ref().filter(|file| file.as_os_str() != "-");
    let target = file.map(|file| TargetFile::checked(file, &METRICS, args.force, context)).transpose()?;
    let text = text::of(&Figures::read(context).await?, &queue(context));
    match target {
        Some(target) => target.write_with(&text, Permissions::from_mode(MODE)),
        None => context.console.print_exactly(|out| out.write_all(text.as_bytes())).map(drop),
    }
}

/// Returns the value of the label `queue`. A database address appears without user and password.
fn queue(context: &Context) -> String {
    let place = context.store_place().map(|place| Printable(&place).to_string());
    place.unwrap_or_else(|| Shown(context.project.root()).to_string())
}
