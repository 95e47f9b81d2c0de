//! Prints a finding of `doctor` or `store check`.

use std::io::{self, Write};

use serde::Serialize;

use crate::escape::Printable;
use crate::maintenance::{Finding, Level};

pub(crate) fn line(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let level = match finding.level {
        Level::Well => "ok",
        Level::Warning => "warning",
        Level::Problem(_) => "problem",
    };
    writeln!(out, "{level:<8} {:<12} {}", finding.subject, Printable(&finding.message))?;
    match &finding.advice {
        Some(advice) => writeln!(out, "{:21} -> {}", "", Printable(advice)),
        None => Ok(()),
    }
}

#[derive(Serialize)]
pub(crate) struct FindingJson<'a> {
    advice: Option<&'a str>,
    level: &'static str,
    message: &'a str,
    subject: &'static str,
}

impl<'a> From<&'a Finding> for FindingJson<'a> {
    fn from(finding: &'a Finding) -> Self {
        let level = match finding.level {
            Level::Well => "well",
            Level::Warning => "warning",
            Level::Problem(_) => "problem",
        };
        Self { advice: finding.advice.as_deref(), level, message: &finding.message, subject: finding.subject }
    }
}
