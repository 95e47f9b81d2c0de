use std::env;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;

use super::server::{PostgresServer, give_to_server, make_folder, report_absence_of, watched};

/// A shell script that starts the pooler, and stops it when the standard input ends.
const WATCHDOG: &str = r#"
$AS_USER "$1" -q "$2/pgbouncer.ini" >"$2/log" 2>&1 </dev/null &
pooler=$!
until [ -S "$2/.s.PGSQL.5432" ]; do
    kill -0 $pooler 2>/dev/null || exit 1
    sleep 0.02
done
echo ready
cat >/dev/null
kill -KILL $pooler 2>/dev/null
wait $pooler 2>/dev/null
rm -rf "$2"
"#;

pub(crate) struct Pooler {
    folder: PathBuf,
    watchdog: Child,
}

impl Pooler {
    /// Starts a pooler in front of `server`. Consecutive transactions use different server
    /// sessions, if several are open. Returns `None` if `pgbouncer` is absent, but panics if
    /// `AUTOPROC_REQUIRE_PGBOUNCER` is 1.
    pub(crate) fn start(server: &PostgresServer, mode: &str) -> Option<Self> {
        let Some(program) = find_program() else {
            report_absence_of("pgbouncer", "AUTOPROC_REQUIRE_PGBOUNCER");
            return None;
        };
        let folder = make_folder();
        let settings = folder.join("pgbouncer.ini");
        fs::write(&settings, configuration(server, &folder, mode)).unwrap();
        give_to_server(&settings);
        let pooler = Self { watchdog: watched(WATCHDOG, [&program, &folder], ""), folder };
        // The socket appears a moment before the pooler listens on it.
        while UnixStream::connect(pooler.socket()).is_err() {
            thread::yield_now();
        }
        Some(pooler)
    }

    pub(crate) fn address(&self, database: &str) -> String {
        format!("host={} user=postgres dbname={database}", self.folder.display())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Waits until the watchdog has stopped the pooler. A failure is ignored.
        let _ = self.watchdog.wait();
    }
}

fn configuration(server: &PostgresServer, folder: &Path, mode: &str) -> String {
    let socket = server.socket();
    let (host, port, folder) = (socket.parent().unwrap().display(), server.port(), folder.display());
    format!(
        "[databases]\n* = host={host} port={port} user=postgres\n\
         [pgbouncer]\nlisten_port = 5432\nunix_socket_dir = {folder}\nauth_type = any\npool_mode = {mode}\n\
         max_client_conn = 500\nserver_round_robin = 1\n"
    )
}

fn find_program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.find_map(|folder| Some(folder.join("pgbouncer")).filter(|program| program.is_file()))
}
