//! A proxy between a store and its server, which can lose the answer of a commit.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

/// The tag of the answer to a commit.
const COMMITTED: &[u8] = b"COMMIT\0";

/// A listening socket. Its threads end with the test binary.
pub(crate) struct Proxy {
    folder: TempDir,
    switches: Arc<Switches>,
}

#[derive(Default)]
struct Switches {
    loses_next_commit: AtomicBool,
    refuses_connections: AtomicBool,
}

impl Proxy {
    /// Listens in a folder of its own, and connects to `server`.
    pub(crate) fn start(server: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let switches = Arc::new(Switches::default());
        let shared = Arc::clone(&switches);
        thread::spawn(move || {
            for client in listener.incoming() {
                if !shared.refuses_connections.load(Ordering::SeqCst) {
                    connect(client.unwrap(), &server, &shared);
                }
            }
        });
        Self { folder, switches }
    }

    /// Returns the address of the database `postgres` behind the proxy.
    pub(crate) fn address(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.folder.path().display())
    }

    /// Closes the connection of the next commit after the server has carried it out, before the
    /// client receives the answer.
    pub(crate) fn lose_next_commit(&self) {
        self.switches.loses_next_commit.store(true, Ordering::SeqCst);
    }

    /// Sets whether new connections are closed at once.
    pub(crate) fn refuse_connections(&self, refuses: bool) {
        self.switches.refuses_connections.store(refuses, Ordering::SeqCst);
    }
}

fn connect(client: UnixStream, server: &PathBuf, switches: &Arc<Switches>) {
    let server = UnixStream::connect(server).unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        // Either end may close the connection at any time.
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let switches = Arc::clone(switches);
    thread::spawn(move || carry_answers(server, client, &switches));
}

fn carry_answers(mut server: UnixStream, mut client: UnixStream, switches: &Switches) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        let answer = &buffer[..length];
        let is_commit = answer.windows(COMMITTED.len()).any(|window| window == COMMITTED);
        let is_lost = is_commit && switches.loses_next_commit.swap(false, Ordering::SeqCst);
        if is_lost || client.write_all(answer).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
