use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::acknowledged::{Acknowledged, record};
use crate::effort;
use crate::fixture::{Done, TempProject};
use crate::namespace::{inside, tool};
use crate::scenario;
use crate::skip::tell;

const BLOCK: u64 = 4096;
/// The number of files. Their results need more disk space than a run reserves.
const FILES: usize = 700;
const MOST_INODES: usize = 1000;
const MOST_FREE: usize = 32;

#[test]
fn every_command_at_every_count_of_free_blocks() {
    inside("full_disk::every_command_at_every_count_of_free_blocks", &[], || {
        let disk = tempfile::tempdir().expect("a folder");
        mount(disk.path(), "size=4m");
        let project = TempProject::at(disk.path());
        let (mut refused, mut done) = (0, 0);
        // Skips runs, which also write files other than the queue. The tests below cover runs.
        for scenario in scenario::all().iter().filter(|scenario| scenario.words[0] != "run") {
            for free in counts(MOST_FREE) {
                let before = scenario.prepare(&project);
                fill(&project, free as u64);
                let command = project.run(scenario.words);
                let fault = format!("{free} blocks free");
                let is_told = matches!(command.status.code(), Some(0 | 75));
                assert!(is_told, "{}, {fault}: {:?} {}", scenario.name, command.status, command.err);
                let found = scenario.check(&project, &before, &command, &fault);
                fs::remove_file(project.path("filler")).expect("the filler");
                scenario.go_on(&project, &found, &fault);
                if command.is_acknowledged() { done += 1 } else { refused += 1 }
            }
        }
        tell(&format!("full disk: {refused} commands refused whole, {done} done"));
        assert!(refused > 0 && done > 0);
    });
}

#[test]
fn every_command_at_every_count_of_free_inodes() {
    inside("full_disk::every_command_at_every_count_of_free_inodes", &[], || {
        let disk = tempfile::tempdir().expect("a folder");
        mount(disk.path(), "size=4m,nr_inodes=40");
        let project = TempProject::at(disk.path());
        for scenario in scenario::all().iter().filter(|scenario| scenario.words[0] != "run") {
            for free in counts(6) {
                let before = scenario.prepare(&project);
                take_inodes(&project, free);
                let command = project.run(scenario.words);
                let fault = format!("{free} inodes free");
                let is_told = matches!(command.status.code(), Some(0 | 75));
                assert!(is_told, "{}, {fault}: {:?} {}", scenario.name, command.status, command.err);
                let found = scenario.check(&project, &before, &command, &fault);
                fs::remove_dir_all(project.path("many")).expect("the fillers");
                scenario.go_on(&project, &found, &fault);
            }
        }
    });
}

#[test]
fn a_run_on_a_disk_that_fills_up_loses_nothing_and_the_next_completes_everything() {
    inside("full_disk::a_run_on_a_disk_that_fills_up_loses_nothing_and_the_next_completes_everything", &[], || {
        let (disk, outside) = (tempfile::tempdir().expect("a folder"), TempProject::new());
        mount(disk.path(), "size=1m");
        let project = TempProject::at(disk.path());
        project.add_many("item", FILES);
        fs::remove_file(project.path("list")).expect("the list");
        let record = record(&outside);
        // The fifth file fills the disk.
        let script = format!(
            "echo \"$AUTOPROC_FILE $AUTOPROC_ATTEMPT\" >> '{}'; [ {{/}} != 5 ] || cat /dev/zero > '{}' 2> /dev/null; true",
            record.display(),
            project.path("filler").display()
        );
        let first = project.run(["run", "--quiet", "--min-free-disk", "0", "--shell", &script]).expect_code(75);
        assert!(first.err.contains("full") || first.err.contains("space"), "{}", first.err);
        let completed = project.summary().iter().filter(|item| item.1 == "completed").count();
        assert!((5..FILES).contains(&completed), "{completed} completed");
        fs::remove_file(project.path("filler")).expect("the filler");
        Done::of(&project.process(&record).output().expect("the binary")).expect_code(0);
        assert!(project.summary().iter().all(|item| item.1 == "completed"));
        fs::copy(&record, project.path("record")).expect("the record");
        Acknowledged::default().check(&project, "after a full disk");
        let runs = fs::read_to_string(record).expect("the record").lines().count();
        tell(&format!(
            "disk full in a run: {completed} of {FILES} completed before, all after, {runs} attempts in all"
        ));
    });
}

#[test]
fn a_run_waits_for_room_and_goes_on_by_itself() {
    inside("full_disk::a_run_waits_for_room_and_goes_on_by_itself", &[], || {
        let disk = tempfile::tempdir().expect("a folder");
        mount(disk.path(), "size=4m");
        let project = TempProject::at(disk.path());
        project.add_many("item", 3);
        let filler = project.path("filler");
        let taken = project.path("taken");
        let (filler_text, taken_text) = (filler.display(), taken.display());
        let script = format!(
            ": {{}}; [ -e '{taken_text}' ] || {{ head -c 3000000 /dev/zero > '{filler_text}'; sleep 2; }}; touch '{taken_text}'"
        );
        let words = ["run", "--quiet", "--min-free-disk", "2MB", "--shell", &script];
        let mut run = project.command(words).spawn().expect("the binary");
        let log = project.path("logs/autonomous-processing.jsonl");
        let told = |event: &str| fs::read_to_string(&log).map_or(0, |log| log.matches(event).count());
        wait_until("starts are held", || told("starts_held") == 1);
        // The run reports the held starts before it records the end of the first file.
        wait_until("the first file is completed", || told("file_completed") == 1);
        assert_eq!(told("file_started"), 1, "the first file alone");
        fs::remove_file(&filler).expect("the filler");
        let began = Instant::now();
        wait_until("the run continues", || told("starts_resumed") == 1);
        let took = began.elapsed();
        assert!(run.wait().expect("a child").success());
        assert!(project.summary().iter().all(|item| item.1 == "completed"));
        assert!(took < TIMEOUT / 6, "{took:?}");
        tell(&format!("room on a full disk was noticed after {took:?}"));
    });
}

const TIMEOUT: Duration = Duration::from_secs(60);

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < TIMEOUT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn counts(most: usize) -> impl Iterator<Item = usize> {
    (0..=most).filter(move |count| effort::stride() == 1 || *count < 3 || *count == most)
}

fn mount(at: &Path, options: &str) {
    tool(&["mount", "-t", "tmpfs", "-o", options, "tmpfs", at.to_str().expect("text")]);
}

fn fill(project: &TempProject, free: u64) {
    let filler = project.path("filler");
    let mut file = File::create(&filler).expect("a file");
    let block = vec![1; usize::try_from(BLOCK).expect("it is small")];
    while file.write_all(&block).is_ok() {}
    let length = file.metadata().expect("metadata").len() / BLOCK * BLOCK;
    file.set_len(length.saturating_sub(free * BLOCK)).expect("a shorter file");
}

fn take_inodes(project: &TempProject, free: usize) {
    let many = project.path("many");
    fs::create_dir(&many).expect("a folder");
    let create = |number: usize| OpenOptions::new().write(true).create_new(true).open(many.join(number.to_string()));
    let taken = (0..MOST_INODES).take_while(|number| create(*number).is_ok()).count();
    for number in taken.saturating_sub(free)..taken {
        fs::remove_file(many.join(number.to_string())).expect("a file");
    }
}
