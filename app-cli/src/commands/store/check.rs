//! Checks the database server and its schema.

use std::io;

use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::maintenance::{Finding, Level};
use crate::view::View;
use crate::view::finding::{self, FindingJson};
use crate::view::screen::Screen;
use crate::wiring::Server;

pub(super) async fn check(server: &Server, context: &Context) -> Result<ExitCode, CliError> {
    let checked = Checked { findings: server.findings().await, place: server.place() };
    context.show(&checked)?;
    Ok(checked.exit_code())
}

struct Checked {
    findings: Vec<Finding>,
    /// The address of the database, without user and password.
    place: String,
}

impl Checked {
    fn exit_code(&self) -> ExitCode {
        let code = self.findings.iter().find_map(|finding| match finding.level {
            Level::Problem(code) => Some(code),
            Level::Well | Level::Warning => None,
        });
        code.unwrap_or(ExitCode::Success)
    }
}

impl View for Checked {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        self.findings.iter().try_for_each(|finding| finding::line(finding, out))
    }

    fn document(&self) -> impl Serialize {
        CheckedJson {
            store: &self.place,
            exit_code: self.exit_code() as u8,
            findings: self.findings.iter().map(FindingJson::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct CheckedJson<'a> {
    store: &'a str,
    exit_code: u8,
    findings: Vec<FindingJson<'a>>,
}
