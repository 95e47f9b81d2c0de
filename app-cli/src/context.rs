//! The context of every command.

use std::borrow::Cow;
use std::collections::HashSet;
use std::env;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoproc_domain::ports::{HistoryQuery, PastAttempt, RunFilter, Runs, RunsSummary, Storage};
use autoproc_domain::view::PageRequest;
use autoproc_domain::{ItemId, QueueItem, RunId, Status, Timestamp};
use autoproc_subprocess::RUN_VARIABLE;
use serde::Serialize;

use crate::console::{Console, Delivery};
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::paths::Surroundings;
use crate::project::Project;
use crate::view::View;
use crate::view::quoting::quoted_path;
use crate::wiring::{Server, Wiring};

pub(crate) const OTHER_FOLDER: &str =
    "`cd` to the folder of a queue, or name it with --project-dir FOLDER; `autoproc queue add FILE` makes a queue here";

/// The number of items in a page. A page takes about 20 MB of memory.
const PAGE_ITEMS: usize = 50_000;

pub(crate) struct Context {
    pub(crate) project: Project,
    pub(crate) wiring: Wiring,
    pub(crate) console: Arc<Console>,
    /// The current folder. Empty if the folder was removed.
    pub(crate) cwd: PathBuf,
    pub(crate) json: bool,
    /// True if the queue existed when this command began. Always true for a database.
    pub(crate) had_queue: bool,
}

#[derive(Serialize)]
struct Changed<'a, V> {
    #[serde(flatten)]
    view: V,
    project_dir: Cow<'a, str>,
    /// The address of the database, without user and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
}

impl Context {
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        self.wiring.storage()
    }

    /// Calls `visit` for each item with one of the statuses, in claim order. An empty list selects
    /// all items. Other processes may change the queue between two pages.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(crate) async fn each_item(
        &self,
        statuses: &[Status],
        mut visit: impl FnMut(QueueItem),
    ) -> Result<(), CliError> {
        let visit = |item| {
            visit(item);
            ControlFlow::Continue(())
        };
        self.each_item_until(statuses, visit).await
    }

    /// Like [`Context::each_item`], but stops when `visit` returns `Break`.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(crate) async fn each_item_until(
        &self,
        statuses: &[Status],
        mut visit: impl FnMut(QueueItem) -> ControlFlow<()>,
    ) -> Result<(), CliError> {
        let mut after = None;
        loop {
            let request = PageRequest { statuses: statuses.to_vec(), after, limit: Some(PAGE_ITEMS) };
            let page = self.storage().page(request).await?;
            let is_over = page.items.into_iter().try_for_each(&mut visit).is_break();
            after = page.next;
            if after.is_none() || is_over {
                return Ok(());
            }
        }
    }

    pub(crate) fn runs(&self) -> Arc<dyn Runs> {
        self.wiring.runs()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.wiring.clock().now()
    }

    pub(crate) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { cwd: &self.cwd, project: &self.project, console: &self.console }
    }

    /// Returns the past attempts on an item. Prints a warning if the event log cannot be read.
    pub(crate) async fn history_of(&self, item: ItemId) -> Vec<PastAttempt> {
        self.wiring.history().attempts(HistoryQuery::of_item(item)).await.unwrap_or_else(|error| {
            self.console.warn(format_args!("cannot read the event log: {}", error.source));
            Vec::new()
        })
    }

    pub(crate) async fn past_runs(&self, filter: RunFilter) -> Result<RunsSummary, CliError> {
        let summary = self.wiring.history().runs(filter).await;
        summary.map_err(|error| CliError::io(format!("cannot read {}", Shown(Path::new(&error.place))), &error.source))
    }

    pub(crate) async fn live_runs(&self) -> Result<HashSet<RunId>, CliError> {
        Ok(self.runs().live().await?.into_iter().map(|run| run.info.id).collect())
    }

    /// Returns the live run that started this process as a part of its command, if any.
    ///
    /// # Errors
    /// [`CliError`] if the live runs cannot be read.
    pub(crate) async fn outer_run(&self) -> Result<Option<RunId>, CliError> {
        let Some(outer) = env::var(RUN_VARIABLE).ok().map(RunId::new) else { return Ok(None) };
        Ok(self.live_runs().await?.take(&outer))
    }

    /// Prints a view on standard output.
    ///
    /// # Errors
    /// [`CliError`] if the view cannot be written. A closed standard output is not an error.
    pub(crate) fn show(&self, view: &impl View) -> Result<(), CliError> {
        self.deliver(view).map(drop)
    }

    /// Prints a view. Returns whether standard output is open.
    ///
    /// # Errors
    /// The errors of [`Context::show`].
    pub(crate) fn deliver(&self, view: &impl View) -> Result<Delivery, CliError> {
        if self.json { self.print_document(&view.document()) } else { self.console.print(|out| view.human(out)) }
    }

    /// Prints the view of a command that changed the queue. Also names the queue if needed.
    ///
    /// # Errors
    /// The errors of [`Context::show`].
    pub(crate) fn show_change(&self, view: &impl View) -> Result<(), CliError> {
        self.name_queue();
        self.show_named(view).map_err(|error| error.with_hint("the queue was changed; only this report is missing"))
    }

    /// Prints a view. The JSON document also names the queue.
    ///
    /// # Errors
    /// The errors of [`Context::show`].
    pub(crate) fn show_named(&self, view: &impl View) -> Result<(), CliError> {
        if self.json {
            return self.print_document(&self.changed(view)).map(drop);
        }
        self.show(view)
    }

    /// Returns the text that [`Context::show_named`] prints.
    ///
    /// # Errors
    /// [`CliError`] if the view cannot be encoded.
    pub(crate) fn named_text(&self, view: &impl View) -> Result<Vec<u8>, CliError> {
        if !self.json {
            return self.console.rendered(|out| view.human(out)).map_err(|error| cannot_encode(&error));
        }
        self.named_document(view)
    }

    /// Returns the JSON document of a view as one line.
    ///
    /// # Errors
    /// [`CliError`] if the view cannot be encoded.
    pub(crate) fn named_document(&self, view: &impl View) -> Result<Vec<u8>, CliError> {
        let mut text = serde_json::to_vec(&self.changed(view)).map_err(|error| cannot_encode(&error.into()))?;
        text.push(b'\n');
        Ok(text)
    }

    fn changed<V: View>(&self, view: &V) -> impl Serialize {
        Changed { view: view.document(), project_dir: self.project.root().to_string_lossy(), store: self.store_place() }
    }

    /// Returns the address of the database, without user and password.
    pub(crate) fn store_place(&self) -> Option<String> {
        self.wiring.server().map(Server::place)
    }

    /// Returns "queue of FOLDER" or "queue at ADDRESS".
    pub(crate) fn queue_in_words(&self) -> String {
        match self.store_place() {
            Some(place) => format!("queue at {}", Printable(&place)),
            None => format!("queue of {}", Shown(self.project.root())),
        }
    }

    /// Fails if the queue is in a database.
    ///
    /// # Errors
    /// [`CliError`] that names the command.
    pub(crate) fn require_folder(&self, command: &str) -> Result<(), CliError> {
        let Some(server) = self.wiring.server() else { return Ok(()) };
        let message = format!("`{command}` works only on a queue in a folder, and this queue is in a database");
        Err(CliError::usage(message)
            .with_hint(format!("`autoproc store check{}` checks the database", server.option())))
    }

    /// Names the queue on standard error if it is new, in a database, or in another folder.
    pub(crate) fn name_queue(&self) {
        let root = self.project.root();
        if self.wiring.server().is_some() {
            self.remark(&self.queue_in_words());
        } else if !self.had_queue && self.project.has_queue() {
            self.remark(&format!("new queue in {}", Shown(root)));
        } else if self.had_queue && root != self.cwd {
            self.remark(&self.queue_in_words());
        }
    }

    /// Fails if there is no queue.
    ///
    /// # Errors
    /// [`CliError`] that names the folder.
    pub(crate) fn require_queue(&self) -> Result<(), CliError> {
        if self.had_queue {
            return Ok(());
        }
        Err(CliError::usage(self.no_queue()).with_hint(OTHER_FOLDER))
    }

    pub(crate) fn remark_on_missing_queue(&self) {
        if !self.had_queue {
            self.remark(&format!("{}; {OTHER_FOLDER}", self.no_queue()));
        }
    }

    fn no_queue(&self) -> String {
        format!("there is no queue in {}", Shown(self.project.root()))
    }

    /// Returns the options that a suggested command needs to find the queue.
    pub(crate) fn project_option(&self) -> String {
        let root = self.project.root();
        let folder =
            if self.cwd.starts_with(root) { String::new() } else { format!(" --project-dir {}", quoted_path(root)) };
        folder + &self.wiring.store_options()
    }

    fn print_document(&self, document: &impl Serialize) -> Result<Delivery, CliError> {
        self.console.print_exactly(|out| {
            serde_json::to_writer(&mut *out, document)?;
            writeln!(out)
        })
    }

    /// Prints a remark to standard error, unless the output is JSON.
    pub(crate) fn remark(&self, line: &str) {
        if !self.json {
            self.console.say(line);
        }
    }
}

fn cannot_encode(error: &std::io::Error) -> CliError {
    CliError::io("cannot encode the result", error)
}
