//! Checks a server and its schema for `store check`.

use std::time::Duration;

use autoproc_domain::ports::StorageError;
use autoproc_postgres_store::{Inspection, Route};

use super::Server;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::maintenance::Finding;
use crate::view::time::span;

/// The clock difference that causes a warning. Only displayed times depend on this machine's clock.
const MAX_CLOCK_OFFSET: Duration = Duration::from_secs(2);

pub(super) fn refused(error: &CliError) -> Finding {
    Finding::problem("connection", error.exit_code(), error.message(), error.hint().unwrap_or("see the message"))
}

pub(super) fn findings(inspection: Inspection, server: &Server) -> Vec<Finding> {
    let way = match inspection.route {
        Route::Direct => "",
        Route::Pooled => ", through a connection pooler",
    };
    let reached = format!("{}, answers in {:.1?}{way}", server.place(), inspection.round_trip);
    let mut findings = vec![
        Finding::well("connection", reached),
        version(&inspection),
        clock(&inspection),
        setting("fsync", inspection.fsync),
        setting("full_page_writes", inspection.full_page_writes),
        commits(&inspection),
        encoding(&inspection),
    ];
    if inspection.is_read_only {
        let advice = "name the primary server, and a user and database without default_transaction_read_only";
        findings.push(problem("changes", "the server is read-only", advice));
    }
    findings.push(schema(inspection, server));
    findings
}

fn problem(subject: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding::problem(subject, ExitCode::Config, message, advice)
}

fn version(inspection: &Inspection) -> Finding {
    const SUBJECT: &str = "version";
    let version = format!("PostgreSQL {}", inspection.server_version);
    if inspection.is_supported() {
        return Finding::well(SUBJECT, version);
    }
    problem(SUBJECT, version, "use PostgreSQL 14 or later")
}

fn clock(inspection: &Inspection) -> Finding {
    const SUBJECT: &str = "clock";
    let offset = Duration::from_micros(inspection.clock_offset_us.unsigned_abs());
    let direction = if inspection.clock_offset_us < 0 { "behind" } else { "ahead of" };
    let message = format!("the server's clock is {offset:.1?} {direction} that of this machine");
    if offset <= MAX_CLOCK_OFFSET {
        return Finding::well(SUBJECT, message);
    }
    let advice = format!(
        "synchronise the clocks, for instance with NTP: the queue is not affected, but times shown here are off by {}",
        span(offset)
    );
    Finding::warning(SUBJECT, message, advice)
}

fn setting(subject: &'static str, is_on: bool) -> Finding {
    if is_on {
        return Finding::well(subject, "on");
    }
    problem(
        subject,
        format!("{subject} is off: a power failure could lose or damage acknowledged results"),
        format!("set {subject} = on in postgresql.conf, and reload the server"),
    )
}

fn commits(inspection: &Inspection) -> Finding {
    const SUBJECT: &str = "commits";
    match &*inspection.synchronous_commit {
        "off" | "local" => Finding::well(
            SUBJECT,
            format!("synchronous_commit is {} by default; autoproc turns it on", inspection.synchronous_commit),
        ),
        other => Finding::well(SUBJECT, format!("synchronous_commit is {other}")),
    }
}

fn encoding(inspection: &Inspection) -> Finding {
    const SUBJECT: &str = "encoding";
    let encoding = &*inspection.encoding;
    if encoding == "UTF8" {
        return Finding::well(SUBJECT, encoding);
    }
    problem(SUBJECT, encoding, "create the database with: createdb --encoding UTF8 --template template0")
}

fn schema(inspection: Inspection, server: &Server) -> Finding {
    const SUBJECT: &str = "schema";
    let (name, known, option) = (server.schema(), inspection.known_schema_version, server.option());
    match inspection.schema_version {
        Ok(Some(found)) if found == known => Finding::well(SUBJECT, format!("{name}, version {found}")),
        Ok(Some(found)) if found > known => problem(
            SUBJECT,
            format!("{name} has version {found}, and this program supports {known}"),
            "use the version of autoproc that made it",
        ),
        Ok(Some(found)) => problem(
            SUBJECT,
            format!("{name} has version {found}, and this program uses {known}"),
            format!("autoproc store init{option}"),
        ),
        Ok(None) => problem(SUBJECT, format!("{name} does not exist"), format!("autoproc store init{option}")),
        Err(error) => unreadable(error),
    }
}

fn unreadable(error: StorageError) -> Finding {
    let error = CliError::from(error);
    let advice = error.hint().unwrap_or("grant the user the rights on the schema and its tables").to_owned();
    Finding::problem("schema", error.exit_code(), error.message(), advice)
}
