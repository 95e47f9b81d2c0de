//! Creates locations for test runs.

use std::path::Path;

use autoproc_domain::ports::Location;

/// Returns the location of a run on the named host. Each host has a boot id of its own.
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
