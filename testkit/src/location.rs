//! The locations of the runs of a test.

use std::path::Path;

use autoproc_domain::ports::Location;

/// Returns a location on this host, for the registration of a run. Two hosts differ in name and
/// boot.
#[must_use]
pub fn location_on(host: &str) -> Location {
    Location {
        host: host.into(),
        boot: format!("boot of {host}").into(),
        pid_namespace: "pid:[1]".into(),
        pid: 7,
        project: Path::new("/project").into(),
    }
}
