use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::night::{Machine, Night, execute, wait_until};
use super::server::{PostgresServer, append, give_to_server};
use super::witness;
use crate::effort;
use crate::random::Random;
use crate::skip::{Need, can, tell};

/// The maximum delay before the test kills or restarts the primary, in milliseconds.
const MAX_LIFE_MS: u64 = 700;

impl PostgresServer {
    fn configure(&self, settings: &str) {
        append(&self.data().join("postgresql.conf"), settings);
    }

    /// Makes this stopped server the synchronous standby of `primary`, and restarts `primary`.
    fn follow(&self, primary: &Self) {
        primary.control(&["stop", "-w", "-m", "fast", "-t", "120"]);
        fs::remove_dir_all(self.data()).expect("old data");
        copy(&primary.data(), &self.data());
        let [own, others] = [self, primary].map(|server| server.socket().parent().expect("a folder").to_owned());
        self.configure(&format!(
            "unix_socket_directories = '{}'\nsynchronous_standby_names = ''\n\
             primary_conninfo = 'host={} port={} user=postgres'\n",
            own.display(),
            others.display(),
            primary.port()
        ));
        let signal = self.data().join("standby.signal");
        fs::write(&signal, "").expect("a file");
        give_to_server(&signal);
        primary.configure("synchronous_standby_names = '*'\n");
        primary.control(&["start", "-w", "-t", "120"]);
        self.control(&["start", "-w", "-t", "120"]);
        let is_synchronous = "select from pg_stat_replication where sync_state = 'sync'";
        wait_until("the standby is synchronous", || {
            let config = primary.address("postgres", "postgres").parse().expect("an address");
            execute(&config, is_synchronous).is_ok_and(|rows| !rows.is_empty())
        });
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().expect("cp(1)");
    assert!(copied.success(), "the data were not copied");
}

#[test]
fn a_promoted_standby_has_everything_acknowledged() {
    if !can("postgres::promotion::a_promoted_standby_has_everything_acknowledged", &[Need::Tool("flock")]) {
        return;
    }
    let Some(first) = PostgresServer::start() else { return };
    let Some(second) = PostgresServer::start() else { return };
    let (promotions, seed) = (effort::promotions(), effort::seed());
    tell(&format!("{promotions} promotions, seed {seed}"));
    let mut random = Random::new(seed);
    append(&first.data().join("pg_hba.conf"), "local replication all trust\n");
    let url = first.create_database("queue", &[&first, &second]);
    second.control(&["stop", "-w", "-m", "fast", "-t", "120"]);
    let night = Night::begin(&url, url.parse().expect("an address"));
    let machines = ["one", "other"].map(|name| Machine::here(name, &url));
    night.spend(&machines.each_ref(), |_| {
        let (mut primary, mut standby) = (&first, &second);
        for _ in 0..promotions {
            standby.follow(primary);
            night.wait_for_progress();
            thread::sleep(Duration::from_millis(random.below(MAX_LIFE_MS)));
            primary.kill();
            standby.control(&["promote", "-w", "-t", "120"]);
            night.wait_for_progress();
            thread::sleep(Duration::from_millis(random.below(MAX_LIFE_MS)));
            (primary, standby) = (standby, primary);
        }
    });
    let figures = witness::check(&night, &machines);
    tell(&format!("{promotions} promotions, {figures}"));
}
