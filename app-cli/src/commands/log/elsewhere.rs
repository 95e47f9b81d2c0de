//! Shows outputs of attempts from other machines and project folders.

use std::collections::BTreeMap;
use std::path::Path;

use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::request::Selector;
use autoproc_domain::{ItemId, RunId};
use autoproc_subprocess::{AttemptLog, Stream};
use autoproc_workflow::execution::Place;

use super::LogArgs;
use super::attempts::Attempts;
use crate::attempt_output::{AttemptOutput, without_partial_line};
use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::stored_output::StoredOutput;
use crate::view::bytes::memory;
use crate::view::quoting::quoted;
use crate::wiring::Server;

/// The stored outputs from other machines and project folders.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(BTreeMap<ClaimNumber, StoredOutput>);

impl Elsewhere {
    /// Reads the stored outputs of an item, except those in this project folder.
    ///
    /// A restored database assigns the same claims again, so a claim alone does not identify an
    /// output.
    pub(super) async fn of(item: ItemId, here: &[AttemptLog], context: &Context) -> Result<Self, CliError> {
        let Some(outputs) = context.wiring.server().map(Server::outputs) else { return Ok(Self::default()) };
        let stored = outputs.of(item).await?.into_iter();
        let host = context.wiring.location().host;
        let is_this = |log: &AttemptLog, stored: &StoredOutput| {
            log.claim == stored.claim && stored.host == host && is_same_file(&log.path, &stored.file)
        };
        let is_elsewhere = |stored: &StoredOutput| !here.iter().any(|log| is_this(log, stored));
        Ok(Self(stored.filter(is_elsewhere).map(|stored| (stored.claim, stored)).collect()))
    }

    /// Adds the stored outputs to `logs`. A stored output replaces a log with the same claim.
    pub(super) fn add_to(&self, logs: &mut Vec<AttemptLog>, item: ItemId, context: &Context) {
        let folder = context.wiring.attempt_logs();
        let log = |stored: &StoredOutput| folder.log_of(ClaimToken { item, number: stored.claim }, stored.attempt);
        logs.retain(|log| !self.0.contains_key(&log.claim));
        logs.extend(self.0.values().map(log));
        logs.sort_by_key(|log| log.claim);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, log: &AttemptLog) -> Option<&StoredOutput> {
        self.0.get(&log.claim)
    }

    pub(super) fn name_in(&self, attempts: &mut Attempts) {
        for file in &mut attempts.files {
            if let Some(stored) = self.0.get(&file.claim) {
                (file.path, file.host) = (stored.file.clone(), Some(stored.host.clone()));
            }
        }
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

/// Prints the stored end of an output, with its host and file.
pub(super) fn show(stored: &StoredOutput, name: &str, request: &LogArgs, context: &Context) -> Result<(), CliError> {
    let (host, file) = (Printable(&stored.host), Shown(&stored.file));
    let ending = from_a_line(stored);
    let part = match stored.length.saturating_sub(ending.len() as u64) {
        0 => "this is all of it".to_owned(),
        _ => format!("this is the end of its {}", memory(stored.length)),
    };
    let is_removed = stored.host == context.wiring.location().host && !stored.file.exists();
    let place = if is_removed { format!("{file} was removed") } else { format!("is there in {file}") };
    context.remark(&format!("{name} ran on {host}, and its output {place}; {part}:"));
    if let Some(stream) = request.stream() {
        let option = if stream == Stream::Stdout { "--stdout" } else { "--stderr" };
        context
            .console
            .warn(format_args!("{name}: {option} has no effect: the stored end does not tell streams apart"));
    }
    let mut output = AttemptOutput::of_text(&context.console, request.raw);
    output.print(ending)?;
    output.finish().map(drop)
}

pub(super) async fn running(log: &AttemptLog, name: &str, context: &Context) -> Result<Option<String>, CliError> {
    let Some(server) = context.wiring.server() else { return Ok(None) };
    let Some(item) = context.storage().find(Selector::Id(log.item)).await? else { return Ok(None) };
    let Some(claim) = item.claim.as_ref().filter(|claim| claim.number == log.claim) else { return Ok(None) };
    if !context.live_runs().await?.contains(&claim.run) {
        return Ok(None);
    }
    let elsewhere = context.wiring.elsewhere_of(&claim.run).await?;
    Ok(elsewhere.map(|Place { host, project_dir }| {
        let folder = quoted(&Printable(&project_dir).to_string());
        format!(
            "{name} is running on {}; follow it there with: autoproc log -f {} --project-dir {folder}{}",
            Printable(&host),
            item.id,
            server.option_elsewhere()
        )
    }))
}

pub(super) async fn no_output(
    name: &str,
    what: &str,
    run: Option<&RunId>,
    context: &Context,
) -> Result<String, CliError> {
    let place = match run {
        Some(run) => context.wiring.elsewhere_of(run).await?,
        None => None,
    };
    let Some(Place { host, project_dir }) = place else { return Ok(format!("{name} {what}")) };
    let kept = if context.wiring.server().is_some() { "the database has none of it" } else { "it was not copied" };
    Ok(format!(
        "{name} ran on {} in {}: it printed nothing, or its output is there and {kept}",
        Printable(&host),
        Printable(&project_dir)
    ))
}

/// Skips a partial first line, unless it is the only line.
fn from_a_line(stored: &StoredOutput) -> &[u8] {
    let ending = stored.ending.as_slice();
    if ending.len() as u64 >= stored.length { ending } else { without_partial_line(ending) }
}

#[cfg(test)]
mod tests {
    use autoproc_domain::item::AttemptNumber;

    use super::*;

    fn shown(length: u64, ending: &str) -> String {
        let stored = StoredOutput {
            attempt: AttemptNumber::FIRST,
            claim: ClaimNumber::FIRST,
            host: "there".into(),
            file: "/logs/1.1.1.log".into(),
            length,
            ending: ending.into(),
        };
        String::from_utf8_lossy(from_a_line(&stored)).into_owned()
    }

    #[test]
    fn an_end_begins_with_a_line_if_it_has_several() {
        assert_eq!(shown(8, "one\ntwo\n"), "one\ntwo\n");
        assert_eq!(shown(9, "one\ntwo\n"), "two\n");
        assert_eq!(shown(9, "one\n"), "one\n");
        assert_eq!(shown(9, "one"), "one");
    }
}
