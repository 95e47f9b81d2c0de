//! The command `failures`: groups failed files by reason.

use std::io::{self, Write};

use autoproc_domain::Timestamp;
use autoproc_domain::signature::{FailureGroup, FailureGroups};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::failure_groups;
use crate::since::{self, Since};
use crate::view::failure_group::GroupJson;
use crate::view::screen::Screen;
use crate::view::time::local;
use crate::view::{View, files};

const MAX_SHOWN: usize = 20;

/// The arguments of `failures`.
// clap would print `{n}` as a line break. The invisible escape sequence keeps clap from finding it.
#[derive(Debug, Args)]
#[command(
    after_help = "In a reason, {} stands for the path of the file, {/} for its name, {/.} for its name without the
extension, {//} for its folder; {\u{1b}[0mn}, {hex}, {id}, {path}, {text} and others for text that
differs from file to file.

Examples:
  autoproc failures
  autoproc failures --since 22:00
  autoproc failures --json
  autoproc retry-failed --like 3fa2c19b    the files of one group
  autoproc log --like 3fa2c19b             the output of its latest failure"
)]
pub(crate) struct FailuresArgs {
    /// Only files whose latest attempt began at TIME or later: a time of day, a date, a date and
    /// time, or a span
    ///
    /// For example: 22:00 (its latest occurrence), 2026-11-28, 2026-11-28T22:00, 12h.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = since::parse)]
    since: Option<Since>,
}

pub(super) async fn failures(args: &FailuresArgs, context: &Context) -> Result<(), CliError> {
    let since = args.since.map(|since| since.before(context.now()));
    let groups = failure_groups::of_queue(since, context).await?;
    if groups.total() == 0 {
        context.remark_on_missing_queue();
        if context.had_queue {
            context.remark(&no_failures(since, failure_groups::waiting(since, context).await?, context));
        }
    }
    context.show_named(&Failures { since, groups, project_option: context.project_option() })
}

fn no_failures(since: Option<Timestamp>, waiting: u64, context: &Context) -> String {
    let since = since.map_or_else(String::new, |at| format!(" since {}", local(at)));
    if waiting == 0 {
        return format!("no file has failed{since}");
    }
    let wait = if waiting == 1 { "waits" } else { "wait" };
    let waiting = files(waiting);
    format!(
        "no file has failed for good{since}; {waiting} {wait} for a retry: autoproc status{}",
        context.project_option()
    )
}

struct Failures {
    /// Excludes files whose latest attempt began before this time; `None` excludes no file.
    since: Option<Timestamp>,
    groups: FailureGroups,
    /// The options that a suggested command needs to find the queue; see
    /// [`Context::project_option`].
    project_option: String,
}

impl View for Failures {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let (groups, total) = (self.groups.largest_first(), self.groups.total());
        if groups.is_empty() {
            return Ok(());
        }
        let reasons = if groups.len() == 1 { "1 reason".to_owned() } else { format!("{} reasons", groups.len()) };
        writeln!(out, "{} failed, for {reasons}", files(total))?;
        let shown = &groups[..groups.len().min(MAX_SHOWN)];
        shown.iter().try_for_each(|shown| group(shown, &self.project_option, out))?;
        match total - shown.iter().map(|group| group.count).sum::<u64>() {
            0 => Ok(()),
            others => writeln!(out, "\nand {} with other reasons; --json shows all reasons", files(others)),
        }
    }

    fn document(&self) -> impl Serialize {
        FailuresJson {
            since: self.since.map(|at| at.to_string()),
            failed: self.groups.total(),
            groups: self.groups.largest_first().into_iter().map(GroupJson::from).collect(),
            ungrouped: self.groups.ungrouped(),
        }
    }
}

fn group(group: &FailureGroup, project_option: &str, out: &mut Screen<'_>) -> io::Result<()> {
    let id = group.signature.id();
    writeln!(out, "\n{id}  {}  {}", files(group.count), Printable(group.signature.reason()))?;
    if let Some((first, last)) = group.first_at.zip(group.last_at) {
        let (first, last) = (local(first), local(last));
        let to = if first == last { String::new() } else { format!(" to {last}") };
        writeln!(out, "  latest attempts: {first}{to}")?;
    }
    for example in &group.examples {
        let line = out.line("  ", example, "");
        writeln!(out, "{line}")?;
    }
    match group.count - group.examples.len() as u64 {
        0 => {}
        others => writeln!(out, "  and {others} more")?,
    }
    writeln!(out, "  autoproc retry-failed{project_option} --like {id}")?;
    writeln!(out, "  autoproc log{project_option} --like {id}")
}

#[derive(Serialize)]
struct FailuresJson {
    since: Option<String>,
    failed: u64,
    groups: Vec<GroupJson>,
    ungrouped: u64,
}
