//! Maintains a queue in a folder.

mod place;

use std::io::Write;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::StorageError;
use autoproc_json_store::{self as json_store, Examination, RepairOutcome, StateFolder};

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::maintenance::{
    ChangeCounts, Damage, Examined, ExportError, Finding, Maintenance, Repair, RepairMethod, RepairPlan, Repaired,
};
use crate::view;

const FILES: &str = "files";

const BY_HAND: &str = "repair QUEUE-STATE.json with an editor, or move the state folder away and restore a copy";

pub(super) struct FolderMaintenance {
    pub(super) folder: StateFolder,
    pub(super) now: Timestamp,
}

impl Maintenance for FolderMaintenance {
    fn check(&self) -> Vec<Finding> {
        let mut findings = place::findings(&self.folder);
        findings.extend(match json_store::examine(&self.folder) {
            Ok(examination) => integrity(&examination),
            Err(error) => vec![unreadable(error)],
        });
        findings
    }

    fn export(&self, out: &mut dyn Write) -> Result<(), ExportError> {
        json_store::export(&self.folder, out).map_err(|error| match error {
            json_store::ExportError::Store(error) => ExportError::Read(error),
            json_store::ExportError::Write(error) => ExportError::Write(error),
        })
    }

    fn examine(&self) -> Result<Examined, CliError> {
        json_store::plan_repair(&self.folder).map(Examined::from).map_err(refusal)
    }

    fn repair(&self, method: RepairMethod) -> Result<Repair, CliError> {
        match json_store::repair(&self.folder, method.into(), self.now).map_err(refusal)? {
            RepairOutcome::Sound(examination) => Ok(Repair::NotNeeded(examination.into())),
            RepairOutcome::Impossible(examination) => Err(impossible(method, &examination)),
            RepairOutcome::Repaired { damage, plan, backup } => {
                let damage = damage.into_iter().map(Damage::from).collect();
                Ok(Repair::Done(Repaired { damage, plan: plan.into(), backup }))
            }
        }
    }
}

fn integrity(examination: &Examination) -> Vec<Finding> {
    let damage = examination.damage.iter().map(|damage| {
        let message = format!("{} is damaged: {}", damage.file, damage.detail);
        let advice = if examination.plans.is_empty() { BY_HAND } else { "autoproc queue repair" };
        Finding::problem(FILES, ExitCode::Damaged, message, advice)
    });
    let mut findings: Vec<_> = damage.collect();
    if let Some(counts) = examination.counts {
        findings.push(Finding::well(
            FILES,
            format!("everything can be read; {} in the queue", view::files(counts.total())),
        ));
    }
    if examination.half_written_bytes > 0 {
        let bytes = view::counted(examination.half_written_bytes, "byte");
        let message = format!("a half-written last line of {bytes}, as after a crash");
        findings.push(Finding::warning(FILES, message, "nothing to do; the next change backs it up and removes it"));
    }
    for notice in &examination.notices {
        findings.push(Finding::warning(FILES, notice, "check QUEUE-STATE.json"));
    }
    if !examination.kept_aside.is_empty() {
        let message = format!("set aside after damage: {}", examination.kept_aside.join(", "));
        let advice = if examination.is_sound() {
            "check whether these files contain items that the queue lacks; if not, remove the files"
        } else {
            "keep these files until the queue is repaired: `autoproc queue repair` may need them"
        };
        findings.push(Finding::warning(FILES, message, advice));
    }
    findings
}

fn unreadable(error: StorageError) -> Finding {
    let error = CliError::from(error);
    let advice = error
        .hint()
        .unwrap_or("a regular file that you may read is expected there: check what it is, its owner and the disk")
        .to_owned();
    Finding::problem(FILES, error.exit_code(), error.message(), advice)
}

fn impossible(method: RepairMethod, examination: &Examination) -> CliError {
    let others: Vec<_> = examination.plans.iter().map(|plan| plan.method.word()).collect();
    let error = CliError::usage(format!("{} cannot repair this damage; nothing was changed", method.word()));
    match others[..] {
        [] => error.with_hint(BY_HAND),
        _ => error.with_hint(format!("`--apply {}` can", others.join("` and `--apply "))),
    }
}

fn refusal(error: StorageError) -> CliError {
    let is_busy = matches!(error, StorageError::Busy { .. });
    let error = CliError::from(error);
    if is_busy { error.with_hint("try again when it has ended; `autoproc stop` ends runs") } else { error }
}

impl From<RepairMethod> for json_store::RepairMethod {
    fn from(method: RepairMethod) -> Self {
        match method {
            RepairMethod::Truncate => Self::Truncate,
            RepairMethod::Salvage => Self::Salvage,
            RepairMethod::UseSnapshot => Self::UseSnapshot,
            RepairMethod::UseRescued => Self::UseRescued,
        }
    }
}

impl From<json_store::RepairMethod> for RepairMethod {
    fn from(method: json_store::RepairMethod) -> Self {
        match method {
            json_store::RepairMethod::Truncate => Self::Truncate,
            json_store::RepairMethod::Salvage => Self::Salvage,
            json_store::RepairMethod::UseSnapshot => Self::UseSnapshot,
            json_store::RepairMethod::UseRescued => Self::UseRescued,
        }
    }
}

impl From<Examination> for Examined {
    fn from(examination: Examination) -> Self {
        let Examination { damage, counts: _, plans, half_written_bytes, notices, kept_aside } = examination;
        Self {
            damage: damage.into_iter().map(Damage::from).collect(),
            plans: plans.into_iter().map(RepairPlan::from).collect(),
            half_written_bytes,
            notices,
            kept_aside,
        }
    }
}

impl From<json_store::Damage> for Damage {
    fn from(damage: json_store::Damage) -> Self {
        Self { place: damage.file, detail: damage.detail }
    }
}

impl From<json_store::RepairPlan> for RepairPlan {
    fn from(plan: json_store::RepairPlan) -> Self {
        let json_store::RepairPlan { method, counts, keeps, loses, unreadable_bytes, missing_transactions } = plan;
        let (method, keeps, loses) = (method.into(), keeps.into(), loses.into());
        Self { method, counts, keeps, loses, unreadable_bytes, missing_changes: missing_transactions }
    }
}

impl From<json_store::ChangeCounts> for ChangeCounts {
    fn from(changes: json_store::ChangeCounts) -> Self {
        let json_store::ChangeCounts { additions, results, others } = changes;
        Self { additions, others, results }
    }
}
