//! What a caller chooses: the server, the schema, and the terms of leases.

use std::fmt::{self, Write};
use std::time::Duration;

use autoproc_domain::ports::LeaseTerms;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The schema of the tables, unless the caller chooses another one.
const DEFAULT_SCHEMA: &str = "autoproc";

/// The longest name of a schema. A notification channel has the name of the schema with a prefix,
/// and PostgreSQL limits names to 63 bytes.
const MAX_SCHEMA_BYTES: usize = 50;

/// A dead machine's files are processed again after 60 s plus the margin of the domain.
const DEFAULT_LEASE: LeaseTerms = LeaseTerms { lasts: Duration::from_secs(60), renewed_every: Duration::from_secs(15) };

/// The time after which a waiting handle looks again, because a notification may be lost.
const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(5);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time after which an unanswered packet ends a connection, so that a network that fails
/// silently is noticed within one lease.
const UNANSWERED_TIMEOUT: Duration = Duration::from_secs(20);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 2;

/// Where the queue is, and the terms of its leases.
#[derive(Clone)]
pub struct Options {
    pub(crate) config: Config,
    pub(crate) schema: String,
    pub(crate) lease: LeaseTerms,
    pub(crate) poll_interval: Duration,
}

/// The address or the schema of a store cannot be used. The text contains nothing of the address,
/// because an address may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// The text is not a connection string.
    #[error("the address of the queue is not of the form postgres://USER@HOST:PORT/DATABASE")]
    Malformed,
    /// The name of the schema is empty, too long, or contains other characters than lower-case
    /// letters, digits and `_`.
    #[error("a schema has a name of 1 to 50 lower-case letters, digits and underscores")]
    Schema,
}

impl Options {
    /// Parses an address: a URL such as `postgres://USER@HOST:PORT/DATABASE`, or pairs such as
    /// `host=/run/postgresql dbname=queue`. Adds timeouts that the address does not set.
    ///
    /// # Errors
    /// [`InvalidAddress::Malformed`] if the text is neither.
    pub fn parse(address: &str) -> Result<Self, InvalidAddress> {
        let mut config: Config = address.parse().map_err(|_| InvalidAddress::Malformed)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNANSWERED_TIMEOUT);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
            config.keepalives_retries(KEEPALIVE_RETRIES);
        }
        if config.get_application_name().is_none() {
            config.application_name("autoproc");
        }
        Ok(Self {
            config,
            schema: DEFAULT_SCHEMA.to_owned(),
            lease: DEFAULT_LEASE,
            poll_interval: DEFAULT_POLL_INTERVAL,
        })
    }

    /// Returns the options with this password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    /// Returns the options with this schema. Queues in different schemas are independent.
    ///
    /// # Errors
    /// [`InvalidAddress::Schema`] if the name is empty, longer than 50 bytes, or contains other
    /// characters than lower-case letters, digits and `_`.
    pub fn with_schema(self, schema: &str) -> Result<Self, InvalidAddress> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if schema.is_empty() || schema.len() > MAX_SCHEMA_BYTES || !schema.bytes().all(is_plain) {
            return Err(InvalidAddress::Schema);
        }
        Ok(Self { schema: schema.to_owned(), ..self })
    }

    /// Returns the options with these lease terms. The interval of the renewals must be shorter
    /// than the lease, or every lease is lost.
    #[must_use]
    pub fn with_lease(self, lease: LeaseTerms) -> Self {
        Self { lease, ..self }
    }

    /// Returns the options with this interval between two looks at the queue while no notification
    /// arrives. With an interval above the default of 5 s, a lost notification delays
    /// [`Storage::changed`](autoproc_domain::ports::Storage::changed) longer than the port allows.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Returns the address for messages: hosts, port and database, without user and password.
    pub(crate) fn place(&self) -> String {
        let mut place = "postgres://".to_owned();
        let hosts = self.config.get_hosts();
        let ports = self.config.get_ports();
        for (index, host) in hosts.iter().enumerate() {
            place.push_str(if index == 0 { "" } else { "," });
            match host {
                Host::Tcp(name) => place.push_str(name),
                Host::Unix(folder) => place.push_str(&folder.to_string_lossy()),
            }
            if let Some(port) = ports.get(index).or(ports.first()) {
                // Writing to a string cannot fail.
                let _ = write!(place, ":{port}");
            }
        }
        place.push('/');
        place.push_str(self.database());
        place
    }

    pub(crate) fn database(&self) -> &str {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or_default()
    }

    pub(crate) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// Returns the channel of the notifications of this queue.
    pub(crate) fn channel(&self) -> String {
        format!("autoproc.{}", self.schema)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, lease, .. } = self;
        f.debug_struct("Options")
            .field("place", &self.place())
            .field("schema", schema)
            .field("lease", lease)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
    use super::*;

    #[test]
    fn a_place_names_neither_user_nor_password() {
        let options = Options::parse("postgres://anna:secret@db1,db2:5433/queue").unwrap();
        assert_eq!(options.place(), "postgres://db1:5432,db2:5433/queue");
        let debug = format!("{:?}", options.with_password("secret"));
        assert!(!debug.contains("secret") && !debug.contains("anna"), "{debug}");
    }

    #[test]
    fn a_malformed_address_is_not_repeated() {
        let error = Options::parse("postgres://anna@db/queue?pass=secret").unwrap_err();
        assert_eq!(error, InvalidAddress::Malformed);
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn a_schema_has_a_plain_name() {
        let options = Options::parse("host=/tmp").unwrap();
        for name in ["", "A", "a-b", "a\"b", &"a".repeat(51)] {
            assert_eq!(options.clone().with_schema(name).err(), Some(InvalidAddress::Schema), "{name}");
        }
        assert!(options.with_schema("autoproc_2").is_ok());
    }
}
