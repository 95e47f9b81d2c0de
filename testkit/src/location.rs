//! Locations for the runs in tests.

use std::path::Path;

use autoproc_domain::ports::Location;

/// Returns a location on the host with this name, for the registration of a run. Locations on
/// different hosts differ in the host name and in the boot.
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
