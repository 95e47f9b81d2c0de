use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::night::Machine;
use crate::fixture::TempProject;
use crate::namespace::tool;

/// The first two numbers of each machine's IP address.
const PREFIX: &str = "10.83";

/// The shell script of a machine's first process. The script ends when its standard input is
/// closed.
const INIT: &str = r#"hostname "$0"; ip link set lo up; echo ready; cat >/dev/null; :"#;

/// The network namespace of a server. Deletes the name of the namespace on drop.
pub(super) struct Network(String);

/// The first process of a machine. The machine ends with this process.
pub(super) struct Init {
    child: Child,
    process: String,
}

impl Network {
    pub(super) fn create() -> Self {
        let network = Self(format!("autoproc-torture-{}", std::process::id()));
        tool(&["ip", "netns", "add", network.name()]);
        network
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// Starts a machine and connects it to the server. `number` must be from 1 to 255.
    pub(super) fn start(&self, number: usize, database: &str) -> (Machine, Init) {
        let name = format!("m{number}");
        let init = Init::start(&name);
        let (server, here, there) = (self.name(), format!("{PREFIX}.{number}.1"), format!("{PREFIX}.{number}.2/30"));
        let link = ["type", "veth", "peer", "name", "eth0", "netns", &init.process];
        tool(&[&["ip", "-n", server, "link", "add", &name], &link[..]].concat());
        tool(&["ip", "-n", server, "address", "add", &format!("{here}/30"), "dev", &name]);
        tool(&["ip", "-n", server, "link", "set", &name, "up"]);
        init.tool(&["ip", "address", "add", &there, "dev", "eth0"]);
        init.tool(&["ip", "link", "set", "eth0", "up"]);
        let url = format!("postgres://postgres@{here}/{database}");
        let words = [&["nsenter"], &init.enter(["--net", "--uts", "--pid", "--mount"])[..]].concat();
        let tool = words.into_iter().map(str::to_owned).collect();
        (Machine { name, project: TempProject::new(), url, tool }, init)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

impl Init {
    fn start(name: &str) -> Self {
        let mut child = Command::new("unshare")
            .args(["--uts", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", INIT, name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare(1)");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n", "{name} did not start");
        let process = only_child(child.id());
        Self { child, process }
    }

    fn enter<const N: usize>(&self, namespaces: [&'static str; N]) -> Vec<&str> {
        [&["--target", &self.process][..], &namespaces, &["--"]].concat()
    }

    fn tool(&self, words: &[&str]) {
        tool(&[&["nsenter"], &self.enter(["--net"])[..], words].concat());
    }

    /// Takes down the link to the server. Connections stay open but carry no data.
    pub(super) fn disconnect(&self) {
        self.tool(&["ip", "link", "set", "eth0", "down"]);
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn signal(run: &Child, name: &str) {
    tool(&["kill", &format!("-{name}"), &only_child(run.id())]);
}

/// Continues a stopped run, and nsenter(1), which stopped together with the run.
pub(super) fn resume(run: &Child) {
    tool(&["kill", "-CONT", &run.id().to_string()]);
    signal(run, "CONT");
}

fn only_child(process: u32) -> String {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).expect("children");
    let child = children.split_whitespace().next();
    child.expect("a child").to_owned()
}
