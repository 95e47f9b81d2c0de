//! Checks that the queue's files can be read.

use autoproc_domain::ports::StorageError;

use crate::commands::repair::BY_HAND;
use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::exit_code::ExitCode;
use crate::view::Finding;
use crate::wiring::Examination;

const SUBJECT: &str = "files";

pub(super) fn findings(context: &Context) -> Vec<Finding> {
    let mut findings = match context.wiring.examine() {
        Ok(examination) => examined(&examination),
        Err(error) => vec![unreadable(error)],
    };
    if let Err(error) = context.wiring.processor_state() {
        let advice = "remove AUTONOMOUS-STATE.json; the next run writes it afresh, and the queue does not need it";
        findings.push(Finding::warning(SUBJECT, in_one_line(&error), advice));
    }
    findings
}

fn examined(examination: &Examination) -> Vec<Finding> {
    let damage = examination.damage.iter().map(|damage| {
        let message = format!("{} is damaged: {}", damage.file, damage.detail);
        let advice = if examination.plans.is_empty() { BY_HAND } else { "autoproc queue repair" };
        Finding::problem(SUBJECT, ExitCode::Damaged, message, advice)
    });
    let mut findings: Vec<_> = damage.collect();
    if let Some(counts) = examination.counts {
        findings.push(Finding::well(SUBJECT, format!("everything can be read: {} in the queue", counts.total())));
    }
    if examination.half_written_bytes > 0 {
        let message = format!("a half-written last line of {} bytes, as after a crash", examination.half_written_bytes);
        findings.push(Finding::warning(SUBJECT, message, "nothing to do; the next change backs it up and removes it"));
    }
    for notice in &examination.notices {
        findings.push(Finding::warning(SUBJECT, notice, "look at QUEUE-STATE.json"));
    }
    if !examination.kept_aside.is_empty() {
        let message = format!("kept from earlier troubles: {}", examination.kept_aside.join(", "));
        findings.push(Finding::warning(SUBJECT, message, "look at them, and remove them when nothing is missing"));
    }
    findings
}

fn unreadable(error: StorageError) -> Finding {
    let error = CliError::from(error);
    let advice = error.hint().unwrap_or("look at the disk, and at who owns the file").to_owned();
    Finding::problem(SUBJECT, error.exit_code(), error.message(), advice)
}
