//! The context of every command: the project, the ports, and the console.

use std::path::PathBuf;
use std::sync::Arc;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Runs, Storage};

use crate::console::Console;
use crate::error::CliError;
use crate::project::Project;
use crate::render::View;
use crate::wiring::Wiring;

pub(crate) struct Context {
    pub(crate) project: Project,
    pub(crate) wiring: Wiring,
    pub(crate) console: Arc<Console>,
    /// The folder that relative paths start from.
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

    /// Prints a view on standard output.
    ///
    /// # Errors
    /// [`CliError`] if it cannot be written. A closed standard output is not an error.
    pub(crate) fn show(&self, view: &impl View) -> Result<(), CliError> {
        if self.json {
            self.console.print_exactly(|out| view.json(out))?;
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
