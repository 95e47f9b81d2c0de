//! What every command is given: the project, the ports behind it, and the console.

use std::path::PathBuf;
use std::sync::Arc;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Runs, Storage};

use crate::console::Console;
use crate::error::CliError;
use crate::project::Project;
use crate::render::View;
use crate::wiring::Wiring;

/// What a command works with.
pub(crate) struct Context {
    /// The project.
    pub(crate) project: Project,
    /// The ports.
    pub(crate) wiring: Wiring,
    /// The console.
    pub(crate) console: Arc<Console>,
    /// The folder that paths are relative to.
    pub(crate) cwd: PathBuf,
    /// Whether data is printed as JSON.
    pub(crate) json: bool,
}

impl Context {
    /// The queue.
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        self.wiring.storage()
    }

    /// The runs that work on the queue.
    pub(crate) fn runs(&self) -> Arc<dyn Runs> {
        self.wiring.runs()
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.wiring.clock().now()
    }

    /// Says a view on standard output.
    ///
    /// # Errors
    /// [`CliError`] where it cannot be written, other than that nobody reads it any more.
    pub(crate) fn show(&self, view: &impl View) -> Result<(), CliError> {
        if self.json {
            self.console.print_exactly(|out| view.json(out))?;
        } else {
            self.console.print(|out| view.human(out))?;
        }
        Ok(())
    }

    /// Says something to a person only: a remark beside the data.
    pub(crate) fn remark(&self, line: &str) {
        if !self.json {
            self.console.say(line);
        }
    }
}
