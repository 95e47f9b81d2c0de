//! Parses the names of statuses.

use autoproc_domain::Status;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

pub(super) fn status_parser() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(possible_status))
        .try_map(|word| Status::from_word(&word).ok_or("unknown status"))
}

fn possible_status(status: Status) -> PossibleValue {
    PossibleValue::new(status.word()).help(match status {
        Status::Pending => "Waiting to be processed",
        Status::Processing => "Being processed",
        Status::Completed => "Completed successfully",
        Status::Failed => "Failed for good",
        Status::Timeout => "Failed for good; the last attempt timed out",
    })
}
