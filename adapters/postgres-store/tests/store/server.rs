//! A private PostgreSQL server on a Unix socket in a temporary folder.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use tempfile::TempDir;

/// Starts the server, reports that it is ready, and waits for the end of its standard input: the
/// system closes the pipe when the test binary ends, in whatever way. Then stops the server and
/// removes its folder.
const WATCHDOG: &str = r#"
$AS_USER "$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 120 start >/dev/null </dev/null && echo ready
cat >/dev/null
$AS_USER "$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1 </dev/null
rm -rf "$2"
"#;

/// Runs a program as another user, if the tests run as root.
const AS_USER: &str = "setpriv --reuid=nobody --regid=nogroup --clear-groups";

/// Durable like a real server, and small.
const SETTINGS: &str = "
listen_addresses = ''
max_connections = 200
shared_buffers = 32MB
max_wal_size = 256MB
";

/// The role `locked` needs a password, every other role needs none.
const AUTHENTICATION: &str = "local all locked scram-sha-256\nlocal all all trust\n";

/// A running server. It is stopped when the test binary ends, or when the value is dropped.
pub(crate) struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    watchdog: Child,
}

impl PostgresServer {
    /// Returns the server that the tests of this binary share; `None` if its programs are absent.
    ///
    /// # Panics
    /// Panics if the programs are absent and the environment requires them.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
        let server = SERVER.get_or_init(|| find_programs().map(Self::start_with)).as_ref();
        if server.is_none() {
            report_absence();
        }
        server
    }

    /// Starts a server; returns `None` if its programs are absent.
    pub(crate) fn start() -> Option<Self> {
        let server = find_programs().map(Self::start_with);
        if server.is_none() {
            report_absence();
        }
        server
    }

    fn start_with(programs: PathBuf) -> Self {
        let folder = make_folder();
        let data = folder.join("data");
        let made = as_server_user(programs.join("initdb"))
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let sockets = format!("unix_socket_directories = '{}'\n", folder.display());
        append(&data.join("postgresql.conf"), &(SETTINGS.to_owned() + &sockets));
        fs::write(data.join("pg_hba.conf"), AUTHENTICATION).unwrap();
        let watchdog = start_watchdog(&programs, &folder);
        Self { programs, folder, watchdog }
    }

    /// Returns the address of the database `database` for this role.
    pub(crate) fn address(&self, role: &str, database: &str) -> String {
        format!("host={} user={role} dbname={database}", self.folder.display())
    }

    /// Returns the path of the server's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Runs `pg_ctl` with these arguments.
    pub(crate) fn control(&self, arguments: &[&str]) {
        let done = as_server_user(self.programs.join("pg_ctl"))
            .arg("-D")
            .arg(self.folder.join("data"))
            .arg("-l")
            .arg(self.folder.join("log"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "pg_ctl {arguments:?} failed");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // The watchdog ends after the server, whether that succeeds or not.
        let _ = self.watchdog.wait();
    }
}

/// Reports that the test of this thread is left out.
///
/// # Panics
/// Panics if the environment requires the programs.
fn report_absence() {
    let is_required = env::var_os("AUTOPROC_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
    assert!(!is_required, "initdb was not found, and AUTOPROC_REQUIRE_POSTGRES is 1");
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    // Written directly, because the output of a test that passes is not shown.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {test} needs initdb and pg_ctl of PostgreSQL");
}

fn find_programs() -> Option<PathBuf> {
    let chosen = env::var_os("AUTOPROC_TEST_POSTGRES").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|folders| folders.filter_map(|folder| Some(folder.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    versions.sort_by_key(|folder| std::cmp::Reverse(major_version(folder)));
    let mut folders = chosen.into_iter().chain(env::split_paths(&path)).chain(versions);
    folders.find(|folder| ["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).is_file()))
}

fn major_version(programs: &Path) -> u32 {
    let name = programs.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// Makes a folder that belongs to the user of the server. It is in `/tmp`, because this user must
/// be able to enter it, and because the path of a socket has at most 107 bytes.
fn make_folder() -> PathBuf {
    let folder = TempDir::with_prefix_in("autoproc-postgres-", "/tmp").unwrap().keep();
    if is_root() {
        let given = Command::new("chown").arg("nobody").arg(&folder).status().unwrap();
        assert!(given.success(), "chown failed");
    }
    folder
}

/// Returns a command that runs a program of the server. PostgreSQL refuses to run as root.
fn as_server_user(program: impl AsRef<OsStr>) -> Command {
    if !is_root() {
        let mut command = Command::new(program);
        command.current_dir("/");
        return command;
    }
    let mut words = AS_USER.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn append(file: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
}

fn start_watchdog(programs: &Path, folder: &Path) -> Child {
    let mut watchdog = Command::new("sh")
        .args(["-c", WATCHDOG, "sh"])
        .env("AS_USER", if is_root() { AS_USER } else { "" })
        .current_dir("/")
        .args([programs, folder])
        // A signal from the terminal must not end the watchdog before the server.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(watchdog.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n", "the server did not start: {}", log_of(folder));
    watchdog
}

fn log_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
