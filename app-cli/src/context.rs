//! The context of every command: the project, the ports, and the console.

use std::path::PathBuf;
use std::sync::Arc;

use autoproc_domain::ports::{HistoryQuery, PastAttempt, Runs, Storage};
use autoproc_domain::{ItemId, Timestamp};

use crate::console::Console;
use crate::error::CliError;
use crate::paths::Surroundings;
use crate::project::Project;
use crate::view::View;
use crate::wiring::Wiring;

pub(crate) struct Context {
    pub(crate) project: Project,
    pub(crate) wiring: Wiring,
    pub(crate) console: Arc<Console>,
    /// The folder at which relative paths start.
    pub(crate) cwd: PathBuf,
    /// True to print data as JSON.
    pub(crate) json: bool,
}

impl Context {
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        self.wiring.storage()
    }

    pub(crate) fn runs(&self) -> Arc<dyn Runs> {
        self.wiring.runs()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.wiring.clock().now()
    }

    /// Returns the folders in which words are looked up.
    pub(crate) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { cwd: &self.cwd, project: &self.project, console: &self.console }
    }

    /// Returns the past attempts on an item. The event log is not authoritative: if it cannot be
    /// read, a warning is printed and the list is empty.
    pub(crate) async fn history_of(&self, item: ItemId) -> Vec<PastAttempt> {
        self.wiring.history().attempts(HistoryQuery::of_item(item)).await.unwrap_or_else(|error| {
            self.console.warn(format_args!("cannot read the event log: {}", error.source));
            Vec::new()
        })
    }

    /// Prints a view on standard output.
    ///
    /// # Errors
    /// [`CliError`] if the view cannot be written. A closed standard output is not an error.
    pub(crate) fn show(&self, view: &impl View) -> Result<(), CliError> {
        if self.json {
            self.console.print_exactly(|out| {
                serde_json::to_writer(&mut *out, &view.document())?;
                writeln!(out)
            })?;
        } else {
            self.console.print(|out| view.human(out))?;
        }
        Ok(())
    }

    /// Prints a remark to standard error, unless the output is JSON.
    pub(crate) fn remark(&self, line: &str) {
        if !self.json {
            self.console.say(line);
        }
    }
}
