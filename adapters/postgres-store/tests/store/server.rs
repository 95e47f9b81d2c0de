use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use tempfile::TempDir;

/// A shell script that starts the server, and stops it when the standard input ends. The standard
/// input also ends if the tests are killed.
const WATCHDOG: &str = r#"
$START_AS "$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 120 start >/dev/null </dev/null && echo ready
cat >/dev/null
$AS_USER "$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1 </dev/null
rm -rf "$2"
"#;

/// The command prefix for an unprivileged user, if the tests run as root.
const AS_USER: &str = "setpriv --reuid=nobody --regid=nogroup --clear-groups";

const SETTINGS: &str = "
listen_addresses = ''
max_connections = 200
shared_buffers = 32MB
max_wal_size = 256MB
";

const ENCRYPTED: &str = "
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
";

/// Only the role `locked` needs a password.
const AUTHENTICATION: &str = "local all locked scram-sha-256\nlocal all all trust\n";
const NETWORK_AUTHENTICATION: &str = "local all all trust\nhost all all 10.83.0.0/16 trust\n";
const ENCRYPTED_AUTHENTICATION: &str = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";

const DEFAULT_PORT: u16 = 5432;

pub(crate) struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    watchdog: Child,
}

impl PostgresServer {
    /// Returns the shared server. Returns `None` if the PostgreSQL programs are absent, but panics
    /// if `AUTOPROC_REQUIRE_POSTGRES` is 1.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
        let server = SERVER.get_or_init(|| find_programs().map(Self::start_with)).as_ref();
        if server.is_none() {
            report_absence();
        }
        server
    }

    pub(crate) fn start() -> Option<Self> {
        let server = find_programs().map(Self::start_with);
        if server.is_none() {
            report_absence();
        }
        server
    }

    pub(crate) fn start_encrypted() -> Option<Self> {
        let Some(programs) = find_programs() else {
            report_absence();
            return None;
        };
        let (folder, data) = make_data(&programs);
        for file in ["server.pem", "server.key"] {
            fs::copy(certificate(file), data.join(file)).unwrap();
            fs::set_permissions(data.join(file), fs::Permissions::from_mode(0o600)).unwrap();
            give_to_server(&data.join(file));
        }
        // It is unlikely that another program takes the port in the meantime.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        append(&data.join("postgresql.conf"), ENCRYPTED);
        append(&data.join("postgresql.conf"), &format!("listen_addresses = '127.0.0.1'\nport = {port}\n"));
        fs::write(data.join("pg_hba.conf"), ENCRYPTED_AUTHENTICATION).unwrap();
        let watchdog = start_watchdog(&programs, &folder, "");
        Some(Self { programs, folder, port, watchdog })
    }

    pub(crate) fn start_in_namespace(namespace: &str) -> Option<Self> {
        let Some(programs) = find_programs() else {
            report_absence();
            return None;
        };
        let (folder, data) = make_data(&programs);
        append(&data.join("postgresql.conf"), "listen_addresses = '*'\n");
        fs::write(data.join("pg_hba.conf"), NETWORK_AUTHENTICATION).unwrap();
        let watchdog = start_watchdog(&programs, &folder, &format!("ip netns exec {namespace} "));
        Some(Self { programs, folder, port: DEFAULT_PORT, watchdog })
    }

    fn start_with(programs: PathBuf) -> Self {
        let (folder, data) = make_data(&programs);
        fs::write(data.join("pg_hba.conf"), AUTHENTICATION).unwrap();
        let watchdog = start_watchdog(&programs, &folder, "");
        Self { programs, folder, port: DEFAULT_PORT, watchdog }
    }

    pub(crate) fn address(&self, role: &str, database: &str) -> String {
        format!("host={} port={} user={role} dbname={database}", self.folder.display(), self.port)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    pub(crate) fn control(&self, arguments: &[&str]) {
        let done = as_server_user(self.programs.join("pg_ctl"))
            .arg("-D")
            .arg(self.data())
            .arg("-l")
            .arg(self.folder.join("log"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "pg_ctl {arguments:?} failed: {}", log_of(&self.folder));
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Waits until the watchdog has stopped the server. A failure is ignored.
        let _ = self.watchdog.wait();
    }
}

fn report_absence() {
    report_absence_of("initdb and pg_ctl of PostgreSQL", "AUTOPROC_REQUIRE_POSTGRES");
}

pub(crate) fn report_absence_of(programs: &str, variable: &str) {
    let is_required = env::var_os(variable).is_some_and(|value| value == "1");
    assert!(!is_required, "{programs} not found, and {variable} is 1");
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    // Writes to the standard error directly, because the output of a test that passes is not shown.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {test} needs {programs}");
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

pub(crate) fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/certificates").join(name)
}

fn make_data(programs: &Path) -> (PathBuf, PathBuf) {
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
    (folder, data)
}

/// Creates a folder for the server's user. The path is short, because a socket path has at most 107
/// bytes.
pub(crate) fn make_folder() -> PathBuf {
    let folder = TempDir::with_prefix_in("autoproc-postgres-", "/tmp").unwrap().keep();
    give_to_server(&folder);
    folder
}

pub(crate) fn give_to_server(file: &Path) {
    if is_root() {
        let given = Command::new("chown").arg("nobody").arg(file).status().unwrap();
        assert!(given.success(), "chown failed");
    }
}

/// Returns a command that never runs as root. PostgreSQL refuses to run as root.
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

pub(crate) fn append(file: &Path, text: &str) {
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
}

fn start_watchdog(programs: &Path, folder: &Path, words: &str) -> Child {
    watched(WATCHDOG, [programs, folder], words)
}

/// Runs a shell script that starts a server, and waits until the server is ready. The command
/// prefix `START_AS` of the script begins with `words`.
pub(crate) fn watched(script: &str, [program, folder]: [&Path; 2], words: &str) -> Child {
    let as_user = if is_root() { AS_USER } else { "" };
    let mut watchdog = Command::new("sh")
        .args(["-c", script, "sh"])
        .env("AS_USER", as_user)
        .env("START_AS", format!("{words}{as_user}"))
        .current_dir("/")
        .args([program, folder])
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
