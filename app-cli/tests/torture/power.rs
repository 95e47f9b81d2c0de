//! Simulates power cuts with the shutdown ioctl of ext4 on a loop device.
//!
//! As after a power cut, the page cache is lost, and the journal of the file system is replayed.
//! The loop device keeps everything that was written to it. So the tests do not cover disks that
//! ignore flushes.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::acknowledged::Acknowledged;
use crate::effort;
use crate::fixture::TempProject;
use crate::namespace::{inside, tool};
use crate::random::Random;
use crate::skip::{Need, tell};

/// A Perl script that calls ioctl(2) with `EXT4_IOC_SHUTDOWN` and `EXT4_GOING_FLAGS_NOLOGFLUSH`
/// (linux/fs/ext4/ext4.h). In Rust, the call would need unsafe code.
const SHUT_DOWN: &str =
    r#"open(my $f, "<", $ARGV[0]) or die $!; my $how = pack("L", 2); ioctl($f, 0x8004587D, $how) or die $!"#;

/// A command prefix that makes every sync return success without effect.
const LYING: &[&str] = &["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync,fdatasync:retval=0"];

const TIMEOUT: Duration = Duration::from_secs(300);

/// The maximum number of power cuts. The kernel may write all data back before a cut.
const TRIES: usize = 5;

const NEEDS: &[Need] = &[Need::Ext4, Need::Tool("perl")];

#[test]
fn power_cuts_lose_nothing_acknowledged() {
    inside("power::power_cuts_lose_nothing_acknowledged", NEEDS, || {
        let disk = Disk::new();
        let mut all = [Acknowledged::default(), Acknowledged::default()];
        disk.project(1).add_large();
        let cuts = effort::power_cuts();
        for cut in 0..cuts {
            let (project, acknowledged) = (disk.project(cut % 2), &mut all[cut % 2]);
            acknowledged.added.extend(disk.cut_while_adding(&project, cut, &[]));
            let lost = acknowledged.lost(&project);
            assert!(lost.is_empty(), "cut {cut}: acknowledged and lost: {lost:?}");
        }
        let added: usize = all.iter().map(|acknowledged| acknowledged.added.len()).sum();
        tell(&format!("{cuts} power cuts, {added} additions acknowledged: 0 lost"));
        assert!(added > 0, "nothing was acknowledged");
    });
}

/// Shows that `power_cuts_lose_nothing_acknowledged` would detect missing syncs.
#[test]
fn a_power_cut_takes_what_was_not_synced() {
    inside("power::a_power_cut_takes_what_was_not_synced", &[NEEDS, &[Need::Strace]].concat(), || {
        let disk = Disk::new();
        let project = disk.project(1);
        project.add_large();
        let mut acknowledged = Acknowledged::default();
        let is_noticed = (0..TRIES).any(|cut| {
            acknowledged.added.extend(disk.cut_while_adding(&project, cut, LYING));
            let (added, lost) = (acknowledged.added.len(), acknowledged.lost(&project).len());
            tell(&format!("a power cut without syncs: {added} additions acknowledged, {lost} lost"));
            lost > 0
        });
        assert!(is_noticed, "every addition survived without a sync");
    });
}

/// An ext4 file system in a file.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let disk = Self { folder: tempfile::tempdir().expect("a folder") };
        let image = disk.text("image");
        tool(&["truncate", "-s", "64M", &image]);
        tool(&["mkfs.ext4", "-qF", &image]);
        fs::create_dir(disk.folder.path().join("mounted")).expect("a folder");
        disk.mount();
        disk
    }

    fn text(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("text").to_owned()
    }

    fn mount(&self) {
        tool(&["mount", "-o", "loop", &self.text("image"), &self.text("mounted")]);
    }

    fn project(&self, number: usize) -> TempProject {
        let folder = Path::new(&self.text("mounted")).join(number.to_string());
        fs::create_dir_all(&folder).expect("a folder");
        TempProject::at(folder)
    }

    /// Cuts the power while two threads add files. Returns the files whose addition was
    /// acknowledged.
    fn cut_while_adding(&self, project: &TempProject, cut: usize, under: &[&str]) -> Vec<String> {
        let (over, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let is_any_added = || !acknowledged.lock().expect("no thread panics while it holds the lock").is_empty();
        thread::scope(|scope| {
            for writer in 0..2 {
                let (over, acknowledged) = (&over, &acknowledged);
                scope.spawn(move || {
                    for number in 0.. {
                        if over.load(Ordering::SeqCst) {
                            break;
                        }
                        let path = format!("/{cut}/{writer}/{number}");
                        let mut command = project.command_under(under, ["queue", "add", &path]);
                        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the binary");
                        if status.success() {
                            acknowledged.lock().expect("no thread panics while it holds the lock").push(path);
                        }
                    }
                });
            }
            let began = Instant::now();
            while !is_any_added() && began.elapsed() < TIMEOUT {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(Random::new(cut as u64).below(80)));
            tool(&["perl", "-e", SHUT_DOWN, &self.text("mounted")]);
            over.store(true, Ordering::SeqCst);
        });
        tool(&["umount", &self.text("mounted")]);
        self.mount();
        acknowledged.into_inner().expect("no thread panics while it holds the lock")
    }
}
