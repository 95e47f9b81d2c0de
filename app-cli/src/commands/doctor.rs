//! `doctor`: whatever could be wrong with the queue and its place, and what to do about it. Nothing is changed, but for
//! scratch files that are removed again.

mod integrity;
mod place;
mod runs;

use std::time::Duration;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::torture;
use crate::view::{Diagnosis, Finding, Tortured};

pub(super) async fn doctor(torture: Option<u64>, context: &Context) -> Result<ExitCode, CliError> {
    let mut diagnosis = Diagnosis { findings: place::findings(context), tortured: None };
    diagnosis.findings.extend(integrity::findings(context));
    diagnosis.findings.extend(runs::findings(context).await);
    if let Some(seconds) = torture {
        context.remark(&format!("crash test for {seconds} s"));
        let tortured = torture::torture(Duration::from_secs(seconds), context).await?;
        diagnosis.findings.push(survival(tortured));
        diagnosis.tortured = Some(tortured);
    }
    context.show(&diagnosis)?;
    Ok(diagnosis.exit_code())
}

fn survival(tortured: Tortured) -> Finding {
    const SUBJECT: &str = "crash test";
    if tortured.lost > 0 {
        let message = format!("{} acknowledged additions were lost", tortured.lost);
        return Finding::problem(SUBJECT, ExitCode::Io, message, "do not keep a queue here, and report it");
    }
    if tortured.acknowledged == 0 {
        return Finding::warning(SUBJECT, "nothing was written in the time", "give it more with --seconds");
    }
    Finding::well(SUBJECT, "nothing that was acknowledged is lost by kills; power cuts are not tested by this")
}
