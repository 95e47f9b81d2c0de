//! `queue recover`: recovers the files of dead runs.

use std::io::{self, Write};

use autoproc_domain::ports::{RunEvent, StorageError, Unproven};
use autoproc_domain::recovery::{self, Proof, Recovery, RecoveryPorts};
use autoproc_domain::request::Scope;
use autoproc_domain::view::{PageRequest, RecoveredItem};
use autoproc_domain::{QueueItem, RetryPolicy, Status};
use autoproc_subprocess::DEFAULT_GRACE;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, printable};
use crate::exit_code::ExitCode;
use crate::number;
use crate::view::View;
use crate::view::json::ItemJson;
use crate::view::screen::Screen;
use crate::wiring::check_process_table;

/// The arguments of `queue recover`.
#[derive(Debug, Args)]
#[command(
    after_help = "Finds dead runs by their locks and ends their leftover processes. Once no process of a run is left, \
its files become pending again. The interrupted attempt still counts; a file without attempts left fails. Each `run` does the same when it \
starts.

Exit status:
  0   every file of a dead run was recovered, or there was none
  75  some files stay `processing`: processes may still be working on them

Examples:
  autoproc queue recover
  autoproc queue recover --force    after checking the named processes"
)]
pub(crate) struct RecoverArgs {
    /// Return files to pending even if processes may still be working on them
    #[arg(long)]
    force: bool,
    /// Number of retries after the first attempt, as for `run`
    #[arg(short, long, value_name = "N", default_value = "3", value_parser = number::within::<u32>(number::COUNT))]
    retries: u32,
}

pub(super) async fn recover(args: &RecoverArgs, context: &Context) -> Result<ExitCode, CliError> {
    if !context.had_queue {
        // Returns early, because a recovery would create the missing queue and find nothing.
        context.remark_on_missing_queue();
        context.show_named(&Recovered {
            items: Vec::new(),
            kept: Vec::new(),
            unproven: Vec::new(),
            forced: args.force,
        })?;
        return Ok(ExitCode::Success);
    }
    check_process_table()?;
    context.wiring.make_local_folders()?;
    let proof = if args.force { Proof::Waived } else { Proof::Demanded };
    let (storage, runs) = (context.storage(), context.runs());
    let (reaper, clock) = (context.wiring.reaper(DEFAULT_GRACE), context.wiring.clock());
    let ports =
        RecoveryPorts { storage: storage.as_ref(), runs: runs.as_ref(), reaper: &reaper, clock: clock.as_ref() };
    let max_attempts = RetryPolicy { retries: args.retries, ..RetryPolicy::default() }.max_attempts();
    let recovery = recovery::recover(ports, max_attempts, proof).await?;
    log(&recovery, context);
    let Recovery { recovered, unproven } = recovery;
    if args.force {
        for left in &unproven {
            reaper.forget(&left.run);
        }
    }
    context.wiring.run_control().remove_abandoned();
    let kept = kept(&unproven, context).await?;
    let code = if unproven.is_empty() || args.force { ExitCode::Success } else { ExitCode::TryAgain };
    context.show_change(&Recovered { items: recovered, kept, unproven, forced: args.force })?;
    Ok(code)
}

fn log(recovery: &Recovery, context: &Context) {
    let (log, run) = (context.wiring.event_log(), context.wiring.new_run());
    for kind in recovery.events(&Scope::Queue) {
        log.observe(&RunEvent { at: context.now(), run: run.clone(), kind });
    }
}

async fn kept(unproven: &[Unproven], context: &Context) -> Result<Vec<QueueItem>, StorageError> {
    if unproven.is_empty() {
        return Ok(Vec::new());
    }
    let processing = PageRequest { statuses: vec![Status::Processing], after: None, limit: None };
    let mut items = context.storage().page(processing).await?.items;
    items.retain(|item| item.claim.as_ref().is_some_and(|claim| unproven.iter().any(|left| left.run == claim.run)));
    Ok(items)
}

struct Recovered {
    items: Vec<RecoveredItem>,
    /// The files that stay `processing`, because a process may still be working on them.
    kept: Vec<QueueItem>,
    /// The dead runs that may still have processes. With `--force`, the files of these runs are
    /// recovered anyway.
    unproven: Vec<Unproven>,
    /// True with `--force`: files are recovered even without proof that all processes have ended.
    forced: bool,
}

impl Recovered {
    fn kept_by(&self, left: &Unproven) -> impl Iterator<Item = &QueueItem> {
        self.kept.iter().filter(|item| item.claim.as_ref().is_some_and(|claim| claim.run == left.run))
    }
}

impl View for Recovered {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.items.is_empty() && self.unproven.is_empty() {
            return writeln!(out, "no dead runs to recover");
        }
        self.items.iter().try_for_each(|recovered| taken_back(recovered, out))?;
        self.unproven.iter().try_for_each(|left| at_work(self, left, out))?;
        if self.unproven.is_empty() || self.forced {
            return Ok(());
        }
        writeln!(out, "\ncheck that these processes have ended, then run: autoproc queue recover --force")
    }

    fn document(&self) -> impl Serialize {
        RecoveredJson {
            recovered: self.items.iter().map(RecoveredItemJson::from).collect(),
            kept: self.kept.iter().map(ItemJson::from).collect(),
            unproven: self.unproven.iter().map(UnprovenJson::from).collect(),
            forced: self.forced,
        }
    }
}

fn taken_back(recovered: &RecoveredItem, out: &mut Screen<'_>) -> io::Result<()> {
    let RecoveredItem { item, dead_run } = recovered;
    let (path, attempts, dead_run) = (out.path(&item.file_path), item.attempts, printable(dead_run));
    if item.status == Status::Pending {
        writeln!(out, "returned to pending: {path} (attempt {attempts} died with run {dead_run})")
    } else if recovered.is_cancelled() {
        writeln!(out, "cancelled: {path} (attempt {attempts} died with run {dead_run})")
    } else {
        writeln!(out, "failed: {path} (attempt {attempts}, its last, died with run {dead_run})")
    }
}

fn at_work(view: &Recovered, left: &Unproven, out: &mut Screen<'_>) -> io::Result<()> {
    view.kept_by(left).try_for_each(|item| writeln!(out, "stays processing: {}", out.path(&item.file_path)))?;
    writeln!(out, "run {} may still have processes: {}", printable(&left.run), Printable(&left.reason))
}

#[derive(Serialize)]
struct RecoveredJson<'a> {
    recovered: Vec<RecoveredItemJson<'a>>,
    kept: Vec<ItemJson>,
    unproven: Vec<UnprovenJson<'a>>,
    forced: bool,
}

#[derive(Serialize)]
struct RecoveredItemJson<'a> {
    dead_run: &'a str,
    #[serde(flatten)]
    item: ItemJson,
}

impl<'a> From<&'a RecoveredItem> for RecoveredItemJson<'a> {
    fn from(recovered: &'a RecoveredItem) -> Self {
        Self { dead_run: recovered.dead_run.as_str(), item: (&recovered.item).into() }
    }
}

#[derive(Serialize)]
struct UnprovenJson<'a> {
    run: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Unproven> for UnprovenJson<'a> {
    fn from(left: &'a Unproven) -> Self {
        Self { run: left.run.as_str(), reason: &left.reason }
    }
}
