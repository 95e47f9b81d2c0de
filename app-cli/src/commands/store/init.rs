//! Creates or updates the schema of the database.

use std::io::{self, Write};

use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;
use crate::view::View;
use crate::view::screen::Screen;
use crate::wiring::{Migrated, Server};

pub(super) async fn init(server: &Server, context: &Context) -> Result<ExitCode, CliError> {
    let migrated = server.migrate().await?;
    context.show(&Initialised { migrated, place: server.place(), schema: server.schema().to_owned() })?;
    Ok(ExitCode::Success)
}

struct Initialised {
    migrated: Migrated,
    /// The address of the database, without user and password.
    place: String,
    schema: String,
}

impl View for Initialised {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let (Migrated { before, now }, schema, place) = (&self.migrated, &self.schema, Printable(&self.place));
        match before {
            None => writeln!(out, "created the schema {schema}, version {now}, in {place}"),
            Some(before) if before == now => {
                writeln!(out, "nothing to do: the schema {schema} in {place} has version {now}")
            }
            Some(before) => writeln!(out, "updated the schema {schema} in {place} from version {before} to {now}"),
        }
    }

    fn document(&self) -> impl Serialize {
        InitialisedJson {
            store: &self.place,
            schema: &self.schema,
            version: self.migrated.now,
            version_before: self.migrated.before,
        }
    }
}

#[derive(Serialize)]
struct InitialisedJson<'a> {
    store: &'a str,
    schema: &'a str,
    version: i32,
    version_before: Option<i32>,
}
