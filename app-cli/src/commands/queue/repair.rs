//! `queue repair`: lists or repairs damage of the queue.

use std::io::{self, Write};

use autoproc_domain::Status;
use autoproc_domain::view::Counts;
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::exit_code::ExitCode;
use crate::maintenance::{ChangeCounts, Damage, Examined, Maintenance, Repair, RepairMethod, RepairPlan, Repaired};
use crate::view::json::CountsJson;
use crate::view::screen::Screen;
use crate::view::{self, View, files};

/// The arguments of `queue repair`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --apply nothing is changed. With --apply, the files that store the queue are first copied to a folder backup-TIME next to them.

Exit status:
  0   the queue is intact, or was repaired
  65  the queue is damaged, and was not changed
  75  a run is alive; try again when it has ended

Examples:
  autoproc queue repair
  autoproc queue repair --apply salvage"
)]
pub(crate) struct RepairArgs {
    /// Repair the queue with this method
    #[arg(long, value_name = "CHOICE", value_enum)]
    apply: Option<RepairMethod>,
}

pub(super) fn repair(args: &RepairArgs, context: &Context) -> Result<ExitCode, CliError> {
    context.remark_on_missing_queue();
    let maintenance = context.wiring.maintenance();
    let examined = match args.apply {
        None => maintenance.examine()?,
        Some(method) => match maintenance.repair(method)? {
            Repair::NotNeeded(examined) => examined,
            Repair::Done(repaired) => {
                context.show_change(&repaired)?;
                return Ok(ExitCode::Success);
            }
        },
    };
    context.show(&examined)?;
    Ok(if examined.is_sound() { ExitCode::Success } else { ExitCode::Damaged })
}

impl View for Examined {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        for notice in &self.notices {
            writeln!(out, "note: {}", Printable(notice))?;
        }
        if self.half_written_bytes > 0 {
            let bytes = view::counted(self.half_written_bytes, "byte");
            writeln!(out, "note: a half-written last line of {bytes} will be cut off by the next change")?;
        }
        if self.is_sound() {
            return writeln!(out, "nothing is damaged");
        }
        all_damage(&self.damage, out)?;
        if self.plans.is_empty() {
            return writeln!(
                out,
                "\nno part of the queue can be read; repair it by hand, or restore a copy of the state folder"
            );
        }
        for plan in &self.plans {
            writeln!(out, "\nautoproc queue repair --apply {}", plan.method.word())?;
            if plan.method == RepairMethod::UseRescued {
                writeln!(out, "  the queue as a run knew it when it noticed the damage")?;
            }
            outcome(plan, out)?;
        }
        writeln!(out, "\nnothing was changed; a repair first copies the damaged files")
    }

    fn document(&self) -> impl Serialize {
        ExaminedJson {
            choices: self.plans.iter().map(PlanJson::from).collect(),
            damage: &self.damage,
            half_written_bytes: self.half_written_bytes,
            kept_aside: &self.kept_aside,
            notices: &self.notices,
            repaired: false,
            sound: self.is_sound(),
        }
    }
}

impl View for Repaired {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        all_damage(&self.damage, out)?;
        writeln!(out, "repaired by {}", self.plan.method.word())?;
        outcome(&self.plan, out)?;
        writeln!(out, "copies of the damaged files: {}", Shown(&self.backup))?;
        writeln!(out, "the queue can be used again: `autoproc run` continues with it")
    }

    fn document(&self) -> impl Serialize {
        RepairedJson {
            backup: self.backup.to_string_lossy().into_owned(),
            choice: (&self.plan).into(),
            damage: &self.damage,
            repaired: true,
            sound: true,
        }
    }
}

fn all_damage(damage: &[Damage], out: &mut dyn Write) -> io::Result<()> {
    damage
        .iter()
        .try_for_each(|damage| writeln!(out, "damaged: {}: {}", Printable(&damage.place), Printable(&damage.detail)))
}

fn outcome(plan: &RepairPlan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  leaves  {}", counted(plan.counts))?;
    if plan.keeps.total() > 0 {
        writeln!(out, "  keeps   {}, recorded after the damage", tallied(plan.keeps))?;
    }
    let losses = losses(plan);
    if losses.is_empty() { Ok(()) } else { writeln!(out, "  loses   {}", losses.join("; ")) }
}

fn losses(plan: &RepairPlan) -> Vec<String> {
    let readable = (plan.loses.total() > 0).then(|| tallied(plan.loses));
    let bytes = plan.unreadable_bytes;
    let unreadable = (bytes > 0).then(|| format!("{} that cannot be read", view::counted(bytes, "byte")));
    let missing = match plan.missing_changes {
        0 => None,
        1 => Some("at least 1 change at the end that is missing or cannot be read".to_owned()),
        more => Some(format!("at least {more} changes at the end that are missing or cannot be read")),
    };
    readable.into_iter().chain(unreadable).chain(missing).collect()
}

fn counted(counts: Counts) -> String {
    let by_status = Status::ALL.into_iter().filter(|status| counts.of(*status) > 0);
    let parts: Vec<_> = by_status.map(|status| format!("{} {status}", counts.of(status))).collect();
    if parts.is_empty() { files(0_usize) } else { format!("{}: {}", files(counts.total()), parts.join(", ")) }
}

fn tallied(changes: ChangeCounts) -> String {
    let words = [
        (changes.additions, "addition", "additions"),
        (changes.results, "result", "results"),
        (changes.others, "other change", "other changes"),
    ];
    let some = words.into_iter().filter(|(count, _, _)| *count > 0);
    some.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect::<Vec<_>>()
        .join(", ")
}

#[derive(Serialize)]
struct ExaminedJson<'a> {
    choices: Vec<PlanJson>,
    damage: &'a [Damage],
    half_written_bytes: u64,
    kept_aside: &'a [String],
    notices: &'a [String],
    repaired: bool,
    sound: bool,
}

#[derive(Serialize)]
struct RepairedJson<'a> {
    backup: String,
    choice: PlanJson,
    damage: &'a [Damage],
    repaired: bool,
    sound: bool,
}

#[derive(Serialize)]
struct PlanJson {
    choice: &'static str,
    counts: CountsJson,
    keeps: ChangeCounts,
    loses: ChangeCounts,
    unreadable_bytes: u64,
    missing_changes: u64,
}

impl From<&RepairPlan> for PlanJson {
    fn from(plan: &RepairPlan) -> Self {
        Self {
            choice: plan.method.word(),
            counts: plan.counts.into(),
            keeps: plan.keeps,
            loses: plan.loses,
            unreadable_bytes: plan.unreadable_bytes,
            missing_changes: plan.missing_changes,
        }
    }
}
