use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

const COMMITTED: &[u8] = b"COMMIT\0";
const INSERTED: &[u8] = b"INSERT 0 ";
const READY_BYTES: usize = 6;

/// A listening proxy. Its threads run until the test binary ends.
pub(crate) struct Proxy {
    folder: TempDir,
    switches: Arc<Switches>,
}

#[derive(Default)]
struct Switches {
    lost: Mutex<Option<&'static [u8]>>,
    ends_after_next_commit: AtomicBool,
    refuses_connections: AtomicBool,
    is_silent: AtomicBool,
}

impl Proxy {
    pub(crate) fn start(server: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let switches = Arc::new(Switches::default());
        let shared = Arc::clone(&switches);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.is_silent.load(Ordering::SeqCst) {
                    // The connection stays open.
                    std::mem::forget(client);
                } else if !shared.refuses_connections.load(Ordering::SeqCst) {
                    connect(client.unwrap(), &server, &shared);
                }
            }
        });
        Self { folder, switches }
    }

    pub(crate) fn address(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.folder.path().display())
    }

    pub(crate) fn lose_next_commit(&self) {
        *self.switches.lost.lock().unwrap() = Some(COMMITTED);
    }

    pub(crate) fn lose_next_insertion(&self) {
        *self.switches.lost.lock().unwrap() = Some(INSERTED);
    }

    pub(crate) fn end_after_next_commit(&self) {
        self.switches.ends_after_next_commit.store(true, Ordering::SeqCst);
    }

    pub(crate) fn refuse_connections(&self, refuses: bool) {
        self.switches.refuses_connections.store(refuses, Ordering::SeqCst);
    }

    /// Sends no more answers on any connection. Still accepts new connections.
    pub(crate) fn fall_silent(&self) {
        self.switches.is_silent.store(true, Ordering::SeqCst);
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
        if switches.is_silent.load(Ordering::SeqCst) {
            continue;
        }
        let answer = &buffer[..length];
        let find = |tag: &[u8]| answer.windows(tag.len()).position(|window| window == tag);
        if switches.lost.lock().unwrap().take_if(|tag| find(tag).is_some()).is_some() {
            break;
        }
        let commit = find(COMMITTED);
        if let Some(start) = commit.filter(|_| switches.ends_after_next_commit.swap(false, Ordering::SeqCst)) {
            // The server sends both messages at once.
            let _ = client.write_all(&answer[..start + COMMITTED.len() + READY_BYTES]);
            break;
        }
        if client.write_all(answer).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
