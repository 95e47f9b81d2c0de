//! Where the runs of a test work.

use std::path::Path;

use autoproc_domain::ports::Location;

/// A location on this host, as a run registers it. Two hosts differ in name and boot.
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
