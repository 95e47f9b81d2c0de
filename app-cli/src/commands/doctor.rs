//! `doctor`: checks the queue and its place, with a hint for each problem. Changes nothing, except
//! for scratch files that it removes.

mod integrity;
mod place;
mod runs;

use std::time::Duration;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::torture;
use crate::view::{CrashTest, Diagnosis, Finding};

pub(super) async fn doctor(torture: Option<u64>, context: &Context) -> Result<ExitCode, CliError> {
    let mut diagnosis = Diagnosis { findings: place::findings(context), crash_test: None };
    diagnosis.findings.extend(integrity::findings(context));
    diagnosis.findings.extend(runs::findings(context).await);
    if let Some(seconds) = torture {
        context.remark(&format!("crash test for {seconds} s"));
        let crash_test = torture::torture(Duration::from_secs(seconds), context).await?;
        diagnosis.findings.push(survival(crash_test));
        diagnosis.crash_test = Some(crash_test);
    }
    context.show(&diagnosis)?;
    Ok(diagnosis.exit_code())
}

fn survival(crash_test: CrashTest) -> Finding {
    const SUBJECT: &str = "crash test";
    if crash_test.lost > 0 {
        let message = format!("{} acknowledged additions were lost", crash_test.lost);
        return Finding::problem(SUBJECT, ExitCode::Io, message, "do not keep a queue here, and report it");
    }
    if crash_test.acknowledged == 0 {
        return Finding::warning(SUBJECT, "nothing was written in the time", "give it more with --seconds");
    }
    Finding::well(SUBJECT, "nothing that was acknowledged is lost by kills; power cuts are not tested by this")
}
