//! The words for statuses on the command line.

use autoproc_domain::Status;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

pub(super) fn status_parser() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(possible_status))
        .try_map(|word| Status::from_word(&word).ok_or("unknown status"))
}

fn possible_status(status: Status) -> PossibleValue {
    PossibleValue::new(status.word()).help(match status {
        Status::Pending => "Waits for its turn",
        Status::Processing => "Is being processed",
        Status::Completed => "Ended well",
        Status::Failed => "Ended badly",
        Status::Timeout => "Failed for good; the last attempt timed out",
    })
}
