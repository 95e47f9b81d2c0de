//! `queue repair`: lists damage and possible repairs, or carries one out.

use autoproc_domain::ports::StorageError;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::view::{RepairDone, RepairPlans};
use crate::wiring::{Examination, RepairMethod, RepairOutcome};

/// The hint if only a person can repair the files.
pub(super) const BY_HAND: &str =
    "repair QUEUE-STATE.json with an editor, or move the state folder away and restore a copy";

pub(super) fn repair(method: Option<RepairMethod>, context: &Context) -> Result<ExitCode, CliError> {
    match method {
        None => plan(context.wiring.plan_repair().map_err(refusal)?, context),
        Some(method) => apply(method, context),
    }
}

fn plan(examination: Examination, context: &Context) -> Result<ExitCode, CliError> {
    let code = if examination.is_sound() { ExitCode::Success } else { ExitCode::Damaged };
    context.show(&RepairPlans(examination))?;
    Ok(code)
}

fn apply(method: RepairMethod, context: &Context) -> Result<ExitCode, CliError> {
    match context.wiring.repair(method).map_err(refusal)? {
        RepairOutcome::Sound(examination) => plan(examination, context),
        RepairOutcome::Impossible(examination) => Err(impossible(method, &examination)),
        RepairOutcome::Repaired { damage, plan, backup } => {
            context.show(&RepairDone { damage, plan, backup })?;
            Ok(ExitCode::Success)
        }
    }
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
    let told = CliError::from(error);
    if is_busy { told.with_hint("try again when it has ended; `autoproc stop` ends runs") } else { told }
}
