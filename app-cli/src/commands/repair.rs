//! `queue repair`: lists damage and possible repairs, or carries one out.

use autoproc_domain::ports::StorageError;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::view::{RepairDone, RepairPlan};
use crate::wiring::{Choice, Examination, Repaired};

/// The hint if only a person can repair the files.
pub(super) const BY_HAND: &str =
    "mend QUEUE-STATE.json with an editor, or move the state folder away and restore a copy";

pub(super) fn repair(choice: Option<Choice>, context: &Context) -> Result<ExitCode, CliError> {
    match choice {
        None => plan(context.wiring.plan_repair().map_err(refusal)?, context),
        Some(choice) => mend(choice, context),
    }
}

fn plan(examination: Examination, context: &Context) -> Result<ExitCode, CliError> {
    let code = if examination.is_sound() { ExitCode::Success } else { ExitCode::Damaged };
    context.show(&RepairPlan(examination))?;
    Ok(code)
}

fn mend(choice: Choice, context: &Context) -> Result<ExitCode, CliError> {
    match context.wiring.repair(choice).map_err(refusal)? {
        Repaired::Sound(examination) => plan(examination, context),
        Repaired::Impossible(examination) => Err(impossible(choice, &examination)),
        Repaired::Done { damage, prospect, backup } => {
            context.show(&RepairDone { damage, prospect, backup })?;
            Ok(ExitCode::Success)
        }
    }
}

fn impossible(choice: Choice, examination: &Examination) -> CliError {
    let others: Vec<_> = examination.prospects.iter().map(|prospect| prospect.choice.word()).collect();
    let error = CliError::usage(format!("{} cannot mend this damage; nothing was changed", choice.word()));
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
