use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use tempfile::TempDir;

use crate::expected::agrees;
use crate::page::Command;
use crate::repository;

const TIMEOUT_S: &str = "60";

const SHOWN_HOME: &str = "/home/ada";

const SEPARATOR: &str = "\u{1e}";

/// The `cargo` commands that the documents may show. The tests do not run them.
const CARGO_LINES: [&str; 3] = [
    "cargo run --release -- run --show-output docs/inbox -- wc",
    "cargo test --workspace",
    "cargo install --path app-cli",
];

const SAMPLES: [&str; 8] = [
    "scans/page 1.png",
    "scans/page 2.png",
    "scans/2026/page 3.png",
    "papers/contract.pdf",
    "papers/letter.pdf",
    "papers/2026/bill.pdf",
    "clips/holiday.avi",
    "clips/birthday.avi",
];

/// Environment variables that would change the output.
const FOREIGN_VARIABLES: [&str; 6] = [
    "AUTOPROC_ALLOW_NETWORK_FS",
    "AUTOPROC_PROJECT_DIR",
    "CLAUDE_PROJECT_DIR",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "BASH_ENV",
];

pub(crate) struct PageFolder {
    home: TempDir,
}

impl PageFolder {
    pub(crate) fn new() -> io::Result<Self> {
        let page = Self { home: tempfile::tempdir()? };
        for folder in ["docs/inbox", "docs/examples"] {
            copy(&repository().join(folder), &page.folder().join(folder))?;
        }
        for sample in SAMPLES {
            page.save(sample, sample)?;
        }
        fs::create_dir(page.programs())?;
        symlink(env!("CARGO_BIN_EXE_autoproc"), page.programs().join("autoproc"))?;
        Ok(page)
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("night")
    }

    fn programs(&self) -> PathBuf {
        self.home.path().join("bin")
    }

    pub(crate) fn save(&self, path: &str, text: &str) -> io::Result<()> {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().expect("a folder"))?;
        fs::write(path, text)
    }

    /// Runs a script. The inner error describes how the script failed.
    pub(crate) fn run_script(&self, script: &str) -> io::Result<Result<(), String>> {
        let (code, output) = self.bash(&["-e", "-u", "-o", "pipefail"], script)?;
        Ok(if code == 0 { Ok(()) } else { Err(format!("the script ended with {code}:\n{output}")) })
    }

    pub(crate) fn run_console(&self, commands: &[Command]) -> io::Result<Vec<(usize, String)>> {
        let mut problems = Vec::new();
        let (mut script, mut run) = (String::new(), Vec::new());
        for (index, command) in commands.iter().enumerate() {
            match builds_the_repository(&command.text) {
                Some(true) => continue,
                Some(false) => problems.push((command.line, format!("`{}` is not a known line", command.text))),
                None => {}
            }
            let may_fail = commands.get(index + 1).is_some_and(|next| next.text == "echo $?");
            let check = if may_fail { "" } else { "[ $code -eq 0 ] || exit $code; " };
            let after = format!("code=$?; {check}printf '{SEPARATOR}'; (exit $code)");
            script.extend([&command.text, "\n", &after, "\n"]);
            run.push(command);
        }
        if !problems.is_empty() {
            return Ok(problems);
        }
        let (code, output) = self.bash(&["-u", "-o", "pipefail"], &script)?;
        let mut outputs = output.split(SEPARATOR);
        for command in run {
            let output = outputs.next().unwrap_or_default();
            // A command that ends the shell prints no separator, so its output comes last.
            if code != 0 && outputs.clone().next().is_none() {
                problems.push((command.line, format!("`{}` ended with {code}:\n{output}", command.text)));
                break;
            }
            let shown = command.output.join("\n");
            if !shown.is_empty() && !agrees(&shown, output) {
                problems.push((command.line, format!("`{}` printed\n{output}\nand not\n{shown}", command.text)));
            }
        }
        Ok(problems)
    }

    fn bash(&self, options: &[&str], script: &str) -> io::Result<(i32, String)> {
        let (file, printed) = (self.home.path().join("block"), self.home.path().join("printed"));
        // `wait` lets background processes end before the next block starts.
        fs::write(&file, format!("{script}\nwait\n"))?;
        let output = File::create(&printed)?;
        let mut bash = Process::new("timeout");
        bash.args([TIMEOUT_S, "bash"]).args(options).arg(file).current_dir(self.folder());
        bash.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        bash.env("HOME", self.home.path()).env("PATH", self.search_path()).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        for variable in FOREIGN_VARIABLES {
            bash.env_remove(variable);
        }
        let code = bash.status()?.code().unwrap_or(-1);
        let printed = String::from_utf8_lossy(&fs::read(printed)?).into_owned();
        Ok((code, printed.replace(&*self.home.path().to_string_lossy(), SHOWN_HOME)))
    }

    fn search_path(&self) -> OsString {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
        let mut path = self.programs().into_os_string();
        for folder in [
            tests.join("stand-ins").as_os_str(),
            &std::env::var_os("PATH").unwrap_or_default(),
            tests.join("fallbacks").as_os_str(),
        ] {
            path.push(":");
            path.push(folder);
        }
        path
    }
}

/// Returns `None` if the command is neither `cargo` nor `just`. Otherwise returns true if the
/// documents may show the command.
fn builds_the_repository(command: &str) -> Option<bool> {
    let command = command.split(" #").next().unwrap_or_default().trim_end();
    if let Some(recipe) = command.strip_prefix("just ") {
        let justfile = fs::read_to_string(repository().join("justfile")).expect("the justfile");
        return Some(justfile.lines().any(|line| line.split([' ', ':']).next() == Some(recipe)));
    }
    command.starts_with("cargo ").then(|| CARGO_LINES.contains(&command))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
