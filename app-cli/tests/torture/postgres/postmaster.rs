use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::night::{Machine, Night, execute, wait_until};
use super::server::PostgresServer;
use super::witness;
use crate::effort;
use crate::random::Random;
use crate::skip::{Need, can, tell};

/// The maximum delay before the server is killed, in milliseconds.
const MAX_LIFE_MS: u64 = 700;

impl PostgresServer {
    pub(super) fn kill(&self) {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).expect("the server runs");
        let process = file.lines().next().expect("a number");
        let sent = Command::new("kill").args(["-KILL", process]).status().expect("kill(1)");
        assert!(sent.success(), "no server was killed");
        wait_until("the processes of the server have ended", || !self.has_processes());
        // If the killed process stays a zombie, the next server takes these files for those of a
        // live server.
        for lock in [self.data().join("postmaster.pid"), format!("{}.lock", self.socket().display()).into()] {
            fs::remove_file(lock).expect("a file");
        }
    }

    fn has_processes(&self) -> bool {
        let data = self.data();
        let processes = fs::read_dir("/proc").expect("processes").filter_map(|entry| Some(entry.ok()?.path()));
        processes.map(|process| fs::read_link(process.join("cwd"))).any(|folder| folder.is_ok_and(|is| is == data))
    }

    /// Creates a database. Returns a URL that lists all of `servers`.
    pub(super) fn create_database(&self, name: &str, servers: &[&Self]) -> String {
        let postgres = self.address("postgres", "postgres").parse().expect("an address");
        execute(&postgres, &format!("create database {name} template template0")).expect("a database");
        let folder = |server: &&Self| server.socket().parent().map(PathBuf::from).expect("a folder");
        let host = |server| folder(server).to_str().expect("text").replace('/', "%2F");
        let hosts: Vec<_> = servers.iter().map(host).collect();
        format!("postgres://postgres@{}/{name}?target_session_attrs=read-write", hosts.join(","))
    }
}

#[test]
fn a_killed_server_loses_nothing() {
    if !can("postgres::postmaster::a_killed_server_loses_nothing", &[Need::Tool("flock")]) {
        return;
    }
    let Some(server) = PostgresServer::start() else { return };
    let (kills, seed) = (effort::postmaster_kills(), effort::seed());
    tell(&format!("{kills} kills of the server, seed {seed}"));
    let mut random = Random::new(seed);
    let url = server.create_database("queue", &[&server]);
    let night = Night::begin(&url, url.parse().expect("an address"));
    let machines = ["one", "other"].map(|name| Machine::here(name, &url));
    night.spend(&machines.each_ref(), |_| {
        for _ in 0..kills {
            night.wait_for_progress();
            thread::sleep(Duration::from_millis(random.below(MAX_LIFE_MS)));
            server.kill();
            server.control(&["start", "-w", "-t", "120"]);
        }
    });
    let figures = witness::check(&night, &machines);
    tell(&format!("{kills} kills of the server, {figures}"));
}
