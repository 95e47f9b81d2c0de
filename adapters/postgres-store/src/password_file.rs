//! Reads password files in the format of `~/.pgpass`.
//!
//! Each line is `HOST:PORT:DATABASE:USER:PASSWORD`. A `*` matches everything, and `\` escapes `:`
//! and `\`. Lines that begin with `#` are ignored. The first line that matches counts.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use autoproc_regular_file::{Links, open_to_read};
use tokio_postgres::config::Host;

use crate::options::Options;

const MAX_BYTES: u64 = 1 << 20;

/// The socket folders that count as `localhost`, as in libpq.
const DEFAULT_SOCKET_FOLDERS: [&[u8]; 3] = [b"/tmp", b"/var/run/postgresql", b"/run/postgresql"];

/// The reason why a password file is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    /// Users other than the owner have rights on the file.
    #[error("the password file {} is not used, because other users have rights on it: chmod 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the password file {} cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
}

impl Options {
    /// Sets the password from the first matching line of a password file. The options stay
    /// unchanged if they have a password, if the file does not exist, or if no line matches.
    ///
    /// If the address names several hosts, sets the password only if it is the same for all of
    /// them, because the driver offers it to each.
    ///
    /// # Errors
    /// [`PasswordFileError`] if the file cannot be read, or if users other than its owner have
    /// rights on it.
    pub fn with_password_file(mut self, path: &Path) -> Result<Self, PasswordFileError> {
        if self.has_password() {
            return Ok(self);
        }
        let text = match read(path) {
            Err(PasswordFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(self),
            text => text?,
        };
        if let Some(password) = password_of_all(&text, &self) {
            self.config.password(password);
        }
        Ok(self)
    }
}

fn password_of_all(text: &[u8], options: &Options) -> Option<Vec<u8>> {
    let mut found: Vec<_> = servers(options).map(|server| password(text, &server)).collect();
    found.dedup();
    if found.len() == 1 { found.remove(0) } else { None }
}

fn servers(options: &Options) -> impl Iterator<Item = [Vec<u8>; 4]> {
    let (ports, user, database) = (options.config.get_ports(), options.user(), options.database());
    options.config.get_hosts().iter().enumerate().map(move |(index, host)| {
        let host = match host {
            Host::Tcp(name) => name.as_bytes(),
            Host::Unix(folder) => match folder.as_os_str().as_bytes() {
                folder if DEFAULT_SOCKET_FOLDERS.contains(&folder) => b"localhost",
                folder => folder,
            },
        };
        let port = ports.get(index).or(ports.first()).map_or_else(|| "5432".to_owned(), u16::to_string);
        [host.to_vec(), port.into(), database.as_bytes().to_vec(), user.as_bytes().to_vec()]
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PasswordFileError> {
    let failed = |source| PasswordFileError::Io { path: path.to_owned(), source };
    let file = open_to_read(Links::Follow, path).map_err(failed)?;
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        return Err(PasswordFileError::Exposed { path: path.to_owned() });
    }
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}

fn password(text: &[u8], server: &[Vec<u8>; 4]) -> Option<Vec<u8>> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")).find_map(|line| {
        let fields = fields(line.strip_suffix(b"\r").unwrap_or(line));
        let [host, port, database, user, password, ..] = fields.as_slice() else { return None };
        let is_match = [host, port, database, user].into_iter().zip(server).all(|(field, part)| field.matches(part));
        is_match.then(|| password.text.clone())
    })
}

#[derive(Default)]
struct Field {
    text: Vec<u8>,
    has_escapes: bool,
}

impl Field {
    fn matches(&self, part: &[u8]) -> bool {
        (self.text == b"*" && !self.has_escapes) || self.text == part
    }
}

fn fields(line: &[u8]) -> Vec<Field> {
    let mut fields = vec![Field::default()];
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        let is_escape = *byte == b'\\' && !bytes.as_slice().is_empty();
        let byte = if is_escape { bytes.next().unwrap_or(byte) } else { byte };
        if *byte == b':' && !is_escape {
            fields.push(Field::default());
        } else if let Some(field) = fields.last_mut() {
            field.text.push(*byte);
            field.has_escapes |= is_escape;
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LINES: &str = r"# a comment
db:5432:queue:anna:first
db:*:queue:anna:second
/srv/socket:5432:*:anna:third
localhost:5432:*:*:a\:b\\c:ignored
\*:5432:q:anna:star
too:few
";

    fn password_for(address: &str) -> Option<Vec<u8>> {
        password_of_all(LINES.as_bytes(), &Options::parse(address).unwrap())
    }

    #[test]
    fn the_first_line_that_matches_counts() {
        for (address, expected) in [
            ("postgres://anna@db/queue", Some("first")),
            ("postgres://anna@db:5433/queue", Some("second")),
            ("postgres://anna@%2Fsrv%2Fsocket/other", Some("third")),
            ("postgres://bert@%2Ftmp/queue", Some(r"a:b\c")),
            ("postgres://anna@elsewhere,db/queue", None),
            ("postgres://anna@db,db/queue", Some("first")),
            ("postgres://bert@db/queue", None),
            ("postgres://anna@any/q", None),
        ] {
            assert_eq!(password_for(address), expected.map(|text| text.as_bytes().to_vec()), "{address}");
        }
    }

    #[test]
    fn an_address_without_a_user_has_that_of_the_operating_system() {
        let name = whoami::username().unwrap_or_default();
        let line = format!("db:5432:{name}:{name}:mine\n");
        let found = |address: &str| password_of_all(line.as_bytes(), &Options::parse(address).unwrap());
        assert_eq!(found("postgres://db"), Some(b"mine".to_vec()));
        assert_eq!(found(&format!("postgres://db/{name}")), Some(b"mine".to_vec()));
        assert_eq!(found("postgres://db/other"), None);
        assert_eq!(found(&format!("postgres://somebody@db/{name}")), None);
    }

    #[test]
    fn a_file_that_others_may_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        let options = || Options::parse("postgres://anna@db/queue").unwrap();
        assert!(!options().with_password_file(&file).unwrap().has_password(), "there is no file");
        fs::write(&file, LINES).unwrap();
        for (mode, is_used) in [(0o600, true), (0o640, false), (0o602, false), (0o400, true)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            match options().with_password_file(&file) {
                Ok(found) => assert!(is_used && found.has_password(), "{mode:o}"),
                Err(error) => {
                    assert!(!is_used && matches!(error, PasswordFileError::Exposed { .. }), "{mode:o}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_password_that_is_set_stays() {
        let options = Options::parse("postgres://anna:mine@db/queue").unwrap();
        let options = options.with_password_file(Path::new("/dev/null/none")).unwrap();
        assert_eq!(options.config.get_password(), Some(&b"mine"[..]));
    }
}
