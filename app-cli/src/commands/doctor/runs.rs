//! The findings of `doctor` about runs and the stop file.

use autoproc_domain::Status;
use autoproc_domain::ports::{DeadRun, LiveRun, StorageError};
use autoproc_domain::view::PageRequest;
use autoproc_subprocess::DEFAULT_GRACE;

use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::escape::Shown;
use crate::exit_code::ExitCode;
use crate::maintenance::Finding;

const SUBJECT: &str = "runs";

const NEXT_RUN: &str =
    "the next `run` ends the leftover processes and returns the files to pending; `autoproc queue recover` does so now";

const BY_FORCE: &str = "Check that none of its processes is left, then run: autoproc queue recover --force";

pub(super) async fn findings(context: &Context) -> Vec<Finding> {
    match inspect(context).await {
        Ok(findings) => findings,
        Err(StorageError::Damaged { .. }) => {
            vec![Finding::warning(
                SUBJECT,
                "it is unknown whether dead runs have left files in processing, because the queue is damaged",
                "repair the queue first",
            )]
        }
        Err(error @ StorageError::Busy { .. }) => {
            vec![Finding::warning(SUBJECT, in_one_line(&error), "repeat `autoproc doctor` later")]
        }
        Err(error) => {
            let error = CliError::from(error);
            let advice = "correct this, then repeat `autoproc doctor`";
            vec![Finding::problem(SUBJECT, error.exit_code(), error.message(), advice)]
        }
    }
}

async fn inspect(context: &Context) -> Result<Vec<Finding>, StorageError> {
    let living = context.runs().live().await?;
    let stop = stop_file(&living, context);
    let mut findings = vec![alive(&living)];
    findings.extend(dead(context).await?);
    findings.extend(stop);
    Ok(findings)
}

fn alive(living: &[LiveRun]) -> Finding {
    let runs: Vec<_> = living.iter().map(|run| format!("{} by {}", run.info.id, run.info.location)).collect();
    Finding::well(
        SUBJECT,
        if runs.is_empty() { "none is alive".to_owned() } else { format!("alive: {}", runs.join(", ")) },
    )
}

async fn dead(context: &Context) -> Result<Vec<Finding>, StorageError> {
    let processing = PageRequest { statuses: vec![Status::Processing], after: None, limit: None };
    let held = context.storage().page(processing).await?.items;
    let reaper = context.wiring.reaper(DEFAULT_GRACE);
    let dead = context.runs().dead().await?.into_iter().map(|dead| {
        let obstacle = reaper.obstacle(&dead);
        let DeadRun { run, .. } = dead;
        let claims = held.iter().filter(|item| item.claim.as_ref().is_some_and(|claim| claim.run == run));
        let files: Vec<_> = claims.map(|item| item.file_path.to_string()).collect();
        let what = if files.is_empty() { "nothing".to_owned() } else { files.join(", ") };
        let advice = match obstacle {
            None => NEXT_RUN.to_owned(),
            Some(reason) => format!("{reason}; its files stay marked as processing. {BY_FORCE}"),
        };
        Finding::warning(SUBJECT, format!("the dead run {run} holds {what}"), advice)
    });
    Ok(dead.collect())
}

fn stop_file(living: &[LiveRun], context: &Context) -> Option<Finding> {
    const SUBJECT: &str = "stop file";
    let path = context.project.stop_file();
    if path.is_dir() {
        let message = format!("{} is a folder, so no run can remove it and start", Shown(&path));
        return Some(Finding::problem(SUBJECT, ExitCode::CannotWrite, message, "remove this folder"));
    }
    if !path.exists() {
        return None;
    }
    Some(if living.is_empty() {
        Finding::warning(SUBJECT, "a stop is requested, and no run is alive", "nothing to do; the next run removes it")
    } else {
        Finding::well(SUBJECT, "stop requested; the live runs are finishing")
    })
}
