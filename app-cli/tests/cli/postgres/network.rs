use std::io::Write;
use std::process::{Command, Stdio};

use crate::fixture::TempProject;

/// The start of each IP address. The machine's number follows.
const PREFIX: &str = "10.83";

const NAMED_HOST: &str = "hostname \"$0\" && exec \"$@\"";

/// A server, and machines with access only to the server.
pub(super) struct Network {
    machines: usize,
}

impl Network {
    /// Returns `None` without the necessary rights and programs.
    pub(super) fn create(test: &str, machines: usize) -> Option<Self> {
        let network = Self { machines };
        if !Self::can_create() {
            let _ = writeln!(std::io::stderr().lock(), "skipped: {test} needs root, ip, unshare and flock");
            return None;
        }
        ip(&["netns", "add", &network.server()]);
        (1..=machines).for_each(|machine| network.connect(machine));
        Some(network)
    }

    fn can_create() -> bool {
        let works = |words: &[&str]| {
            let mut command = Command::new(words[0]);
            let status = command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        works(&["flock", "--version"]) && works(&["unshare", "--uts", "--net", "ip", "netns", "list"])
    }

    fn connect(&self, machine: usize) {
        let (server, name) = (self.server(), self.namespace(machine));
        let link = format!("eth{machine}");
        ip(&["netns", "add", &name]);
        ip(&["-n", &server, "link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &name]);
        ip(&["-n", &server, "address", "add", &format!("{}/30", self.address(machine)), "dev", &link]);
        ip(&["-n", &name, "address", "add", &format!("{PREFIX}.{machine}.2/30"), "dev", "eth0"]);
        ip(&["-n", &server, "link", "set", &link, "up"]);
        ip(&["-n", &name, "link", "set", "eth0", "up"]);
    }

    pub(super) fn server(&self) -> String {
        self.namespace(0)
    }

    #[expect(clippy::unused_self, reason = "the namespaces exist as long as the network")]
    fn namespace(&self, machine: usize) -> String {
        format!("autoproc-{}-{machine}", std::process::id())
    }

    /// Returns the address by which a machine reaches the server.
    #[expect(clippy::unused_self, reason = "the addresses exist as long as the network")]
    pub(super) fn address(&self, machine: usize) -> String {
        format!("{PREFIX}.{machine}.1")
    }

    /// Takes down the link of a machine. Open connections stay open, but transfer nothing.
    pub(super) fn disconnect(&self, machine: usize) {
        ip(&["-n", &self.namespace(machine), "link", "set", "eth0", "down"]);
    }

    /// Returns a command that runs the binary on a machine. `MACHINE` is the host name, such as
    /// `m1`.
    pub(super) fn command(&self, machine: usize, project: &TempProject, words: &[&str]) -> Command {
        let (namespace, name) = (self.namespace(machine), format!("m{machine}"));
        let mut command = project.program("ip");
        command.args(["netns", "exec", &namespace, "unshare", "--uts", "sh", "-c", NAMED_HOST, &name]);
        command.arg(env!("CARGO_BIN_EXE_autoproc")).args(words).env("MACHINE", &name);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in 0..=self.machines {
            // A namespace without a name ends with its last process.
            let _ = Command::new("ip").args(["netns", "delete", &self.namespace(machine)]).output();
        }
    }
}

#[track_caller]
fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().expect("ip(8)");
    assert!(output.status.success(), "ip {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
