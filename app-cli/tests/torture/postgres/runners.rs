//! Kills runners, suspends them or cuts their network, at random moments.

use std::fs;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::machines::{Init, Network, resume, signal};
use super::night::{Machine, Night, wait_until};
use super::server::PostgresServer;
use super::witness::{self, Figures};
use crate::effort;
use crate::fixture::Done;
use crate::random::Random;
use crate::skip::{Need, can, tell};

/// The number of machines with the same fault at the same time.
const MACHINES_AT_ONCE: usize = 3;

/// The maximum delay before a fault, in milliseconds.
const MAX_DELAY_MS: u64 = 700;

/// A lease of five seconds, and a long grace period. So only a guard ends commands that ignore
/// SIGTERM.
const OPTIONS: [&str; 4] = ["--unreachable-timeout", "5", "--grace", "1h"];

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    Suspend,
    Disconnect,
}

const FAULTS: [Fault; 3] = [Fault::Kill, Fault::Suspend, Fault::Disconnect];

#[test]
fn other_machines_take_the_files_only_when_the_commands_have_ended() {
    let tools = ["flock", "ip", "unshare", "nsenter"].map(Need::Tool);
    let test = "postgres::runners::other_machines_take_the_files_only_when_the_commands_have_ended";
    if !can(test, &[&[Need::Root], &tools[..]].concat()) {
        return;
    }
    let network = Network::create();
    let Some(server) = PostgresServer::start_in_namespace(network.name()) else { return };
    let (machines, seed) = (effort::machines_per_fault(), effort::seed());
    tell(&format!("{machines} machines of each fault, seed {seed}"));
    let mut random = Random::new(seed);
    let (mut figures, mut number) = (Figures::default(), 0);
    for begun in (0..machines).step_by(MACHINES_AT_ONCE) {
        figures += suffer(&server, &network, MACHINES_AT_ONCE.min(machines - begun), &mut number, &mut random);
    }
    let latest = figures.lateness_us.map(|lateness| lateness / 1000);
    tell(&format!(
        "{machines} runners killed, {machines} suspended past their lease, {machines} networks lost, {figures}; the last \
         command ended {latest:?} ms after the end of a lease (before it, if negative)"
    ));
}

fn suffer(
    server: &PostgresServer,
    network: &Network,
    per_fault: usize,
    number: &mut usize,
    random: &mut Random,
) -> Figures {
    let database = format!("queue{number}");
    let url = server.create_database(&database, &[server]);
    let night = Night::begin(&url, url.parse().expect("an address"));
    let mut start = || {
        *number += 1;
        network.start(*number, &database)
    };
    let sound = [start(), start()];
    let faulty: Vec<_> =
        FAULTS.iter().flat_map(|fault| vec![*fault; per_fault]).map(|fault| (fault, start())).collect();
    let struck = AtomicUsize::new(0);
    let sound_machines = sound.each_ref().map(|(machine, _)| machine);
    night.spend(&sound_machines, |scope| {
        for (fault, (machine, init)) in &faulty {
            let delay = Duration::from_millis(random.below(MAX_DELAY_MS));
            let (night, struck) = (&night, &struck);
            scope.spawn(move || {
                let run = begin(night, machine, delay);
                strike(*fault, night, (machine, init), run, struck);
            });
        }
        wait_until("every machine has its fault", || struck.load(Ordering::SeqCst) == faulty.len() || night.is_over());
    });
    let faulty_machines = faulty.iter().map(|(_, (machine, _))| machine);
    witness::check(&night, sound_machines.into_iter().chain(faulty_machines))
}

/// Starts runs one by one until a command hangs. Then waits for `delay`.
fn begin(night: &Night, machine: &Machine, delay: Duration) -> Child {
    fs::write(night.trace_path(&format!("stick-{}", machine.name)), "").expect("a file");
    let start = || {
        let mut run = night.run(machine, &OPTIONS);
        run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("nsenter(1)")
    };
    let mut run = start();
    wait_until("a command does not end", || {
        if run.try_wait().expect("a child").is_some() {
            // No file was left for the previous run.
            run = start();
        }
        run_of(night, machine).is_some() || night.is_over()
    });
    thread::sleep(delay);
    run
}

fn run_of(night: &Night, machine: &Machine) -> Option<String> {
    let stuck = night.trace(&format!("stuck-{}", machine.name));
    // The last line may be incomplete.
    stuck.split_once('\n').map(|(run, _)| run.to_owned())
}

fn strike(fault: Fault, night: &Night, (machine, init): (&Machine, &Init), run: Child, struck: &AtomicUsize) {
    let id = run_of(night, machine).expect("a run");
    match fault {
        Fault::Kill => signal(&run, "KILL"),
        Fault::Suspend => signal(&run, "STOP"),
        Fault::Disconnect => init.disconnect(),
    }
    struck.fetch_add(1, Ordering::SeqCst);
    if matches!(fault, Fault::Suspend) {
        let taken = format!("select count(*) from autoproc.run where id = '{id}' and ended_at_us is not null");
        wait_until("another machine has taken the files", || night.number(&taken) == 1);
        resume(&run);
    }
    let done = Done::of(&run.wait_with_output().expect("it ends"));
    if matches!(fault, Fault::Kill) {
        assert!(done.is_killed(), "{}: {done:?}", machine.name);
    } else {
        assert_eq!(done.status.code(), Some(75), "{}: {done:?}", machine.name);
    }
    fs::remove_file(night.trace_path(&format!("stick-{}", machine.name))).expect("a file");
    if !matches!(fault, Fault::Disconnect) {
        night.keep_running(machine);
    }
}
