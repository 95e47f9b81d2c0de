//! The options of a store.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::ports::LeaseTerms;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::address;

const DEFAULT_SCHEMA: &str = "autoproc";

/// PostgreSQL limits names to 63 bytes. The name of the notification channel adds a prefix.
const MAX_SCHEMA_BYTES: usize = 50;

/// Files of a dead machine can be processed again after 60 s plus `LEASE_MARGIN`.
const DEFAULT_LEASE: LeaseTerms = LeaseTerms { lasts: Duration::from_secs(60), renewed_every: Duration::from_secs(15) };

/// Notifications may be lost, so handles also poll.
const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(5);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A network that fails silently must be noticed within one lease.
const UNANSWERED_TIMEOUT: Duration = Duration::from_secs(20);
/// The driver's default. An address with this value counts as unset.
const DRIVER_KEEPALIVE_IDLE: Duration = Duration::from_secs(2 * 60 * 60);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 2;

/// The location of the queue, and the terms of its leases.
#[derive(Clone)]
pub struct Options {
    pub(crate) config: Config,
    /// The address without its password.
    address: String,
    pub(crate) schema: String,
    pub(crate) lease: LeaseTerms,
    pub(crate) poll_interval: Duration,
    /// True if the server must prove its name by a certificate.
    pub(crate) verifies_server: bool,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only encrypted connections read it"))]
    pub(crate) root_certificates: Option<PathBuf>,
    /// True if connecting may create or update the schema.
    pub(crate) may_migrate: bool,
}

/// The address or the schema of a store cannot be used. The error text contains no part of the
/// address, because an address may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// The text is not a connection string, names no host, or has escaped characters in the name of
    /// a parameter.
    #[error("the address of the queue must have the form postgres://USER@HOST:PORT/DATABASE")]
    Malformed,
    /// The address has more than one `@`, or a `/` or `?` before an `@`, so a part of the password
    /// would count as the host.
    #[error(
        "the address of the queue is ambiguous: write @, / and ? in a password as %40, %2F and %3F, or set PGPASSWORD"
    )]
    Ambiguous,
    /// The name of the schema is empty or too long, or contains characters other than lower-case
    /// letters, digits and `_`.
    #[error("the name of a schema must be 1 to 50 lower-case letters, digits or underscores")]
    Schema,
    /// The `sslmode` is unknown.
    #[error("sslmode must be disable, prefer, require or verify-full")]
    SslMode,
}

impl Options {
    /// Parses an address: a URL such as `postgres://USER@HOST:PORT/DATABASE`, or pairs such as
    /// `host=/run/postgresql dbname=queue`. Adds timeouts and keepalives that the address does not
    /// set; a `keepalives_idle` of 7200 s counts as not set.
    ///
    /// The `sslmode` of the address:
    /// - `disable`: connections are not encrypted;
    /// - `prefer`, the default: connections are encrypted if the server offers it;
    /// - `require`: connections are encrypted, or refused. The certificate of the server is not
    ///   verified;
    /// - `verify-full`: in addition, the server must have a certificate for the host of the address
    ///   from a trusted authority; see [`with_root_certificates`](Self::with_root_certificates).
    ///
    /// Connections to a socket in a folder are never encrypted.
    ///
    /// # Errors
    /// [`InvalidAddress::Malformed`] if the text is not a valid URL or list of pairs, names no host,
    /// or has escaped characters in the name of a parameter. [`InvalidAddress::Ambiguous`] if a part
    /// of the password could count as a host.
    /// [`InvalidAddress::SslMode`] if the `sslmode` is unknown.
    pub fn parse(address: &str) -> Result<Self, InvalidAddress> {
        address::check(address)?;
        let (text, verifies_server) = without_verification(address);
        let mut config: Config = text.parse().map_err(|error| invalid(&error))?;
        let hosts = config.get_hosts();
        if hosts.is_empty() && config.get_hostaddrs().is_empty() {
            return Err(InvalidAddress::Malformed);
        }
        if !hosts.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_))) {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNANSWERED_TIMEOUT);
        }
        if config.get_keepalives_idle() == DRIVER_KEEPALIVE_IDLE {
            config.keepalives_idle(KEEPALIVE_IDLE);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(KEEPALIVE_INTERVAL);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(KEEPALIVE_RETRIES);
        }
        if config.get_application_name().is_none() {
            config.application_name("autoproc");
        }
        Ok(Self {
            config,
            address: address::without_password(address),
            may_migrate: true,
            schema: DEFAULT_SCHEMA.to_owned(),
            lease: DEFAULT_LEASE,
            poll_interval: DEFAULT_POLL_INTERVAL,
            verifies_server,
            root_certificates: None,
        })
    }

    /// Trusts the authorities whose certificates are in a PEM file, instead of those that the
    /// system trusts. Has an effect only with `sslmode=verify-full`.
    #[must_use]
    pub fn with_root_certificates(self, file: impl Into<PathBuf>) -> Self {
        Self { root_certificates: Some(file.into()), ..self }
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

    /// Returns the options with this maximum wait for a notification of a change. If the wait
    /// exceeds the default of 5 s, a lost notification delays
    /// [`Storage::changed`](autoproc_domain::ports::Storage::changed) longer than the port allows.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Returns the options of a handle that never changes the schema. The handle refuses a database
    /// whose schema is missing or has another version.
    #[must_use]
    pub fn without_migration(self) -> Self {
        Self { may_migrate: false, ..self }
    }

    /// True if a password is set.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Returns the URL of the queue without the password, or the [`place`](Self::place) if the
    /// address was not a URL.
    #[must_use]
    pub fn address(&self) -> String {
        if self.address.is_empty() { self.place() } else { self.address.clone() }
    }

    /// Returns the name of the schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Returns the address for messages: hosts, port and database, without user and password.
    #[must_use]
    pub fn place(&self) -> String {
        let mut place = "postgres://".to_owned();
        let hosts = self.config.get_hosts();
        let ports = self.config.get_ports();
        for (index, host) in hosts.iter().enumerate() {
            place.push_str(if index == 0 { "" } else { "," });
            // Writing to a string cannot fail.
            let _ = match host {
                Host::Tcp(name) if name.contains(':') => write!(place, "[{name}]"),
                Host::Tcp(name) => write!(place, "{name}"),
                Host::Unix(folder) => write!(place, "{}", folder.display()),
            };
            if let Some(port) = ports.get(index).or(ports.first()) {
                let _ = write!(place, ":{port}");
            }
        }
        place.push('/');
        place.push_str(&self.database());
        place
    }

    pub(crate) fn database(&self) -> Cow<'_, str> {
        self.config.get_dbname().map_or_else(|| self.user(), Cow::Borrowed)
    }

    pub(crate) fn user(&self) -> Cow<'_, str> {
        let named = self.config.get_user().map(Cow::Borrowed);
        named.unwrap_or_else(|| whoami::username().unwrap_or_default().into())
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        let hosts = self.config.get_hosts().len().max(self.config.get_hostaddrs().len()).max(1);
        let each = self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        each.saturating_mul(u32::try_from(hosts).unwrap_or(u32::MAX))
    }

    pub(crate) fn channel(&self) -> String {
        format!("autoproc.{}", self.schema)
    }
}

/// Replaces `sslmode=verify-full`, unknown to the driver, by `sslmode=require`. Returns true if the
/// address contained `verify-full`.
fn without_verification(address: &str) -> (Cow<'_, str>, bool) {
    for demanded in ["sslmode=verify-full", "sslmode='verify-full'"] {
        let is_parameter = |start: usize| address[..start].chars().next_back().is_none_or(|c| " \t\n?&".contains(c));
        if let Some((start, _)) = address.match_indices(demanded).find(|(start, _)| is_parameter(*start)) {
            let (before, after) = (&address[..start], &address[start + demanded.len()..]);
            return (format!("{before}sslmode=require{after}").into(), true);
        }
    }
    (address.into(), false)
}

/// The reason contains no part of the address.
fn invalid(error: &tokio_postgres::Error) -> InvalidAddress {
    let is_mode = error.source().is_some_and(|source| source.to_string().contains("sslmode"));
    if is_mode { InvalidAddress::SslMode } else { InvalidAddress::Malformed }
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
    fn keepalives_of_the_address_are_kept() {
        let seconds = Duration::from_secs;
        let keepalives = |address| {
            let config = Options::parse(address).unwrap().config;
            (config.get_keepalives_idle(), config.get_keepalives_interval(), config.get_keepalives_retries())
        };
        assert_eq!(keepalives("host=/tmp"), (seconds(10), Some(seconds(5)), Some(2)));
        assert_eq!(keepalives("host=/tmp keepalives_idle=30"), (seconds(30), Some(seconds(5)), Some(2)));
        assert_eq!(keepalives("host=/tmp keepalives_retries=7"), (seconds(10), Some(seconds(5)), Some(7)));
        assert_eq!(keepalives("host=/tmp keepalives_interval=9"), (seconds(10), Some(seconds(9)), Some(2)));
    }

    #[test]
    fn a_malformed_address_is_not_repeated() {
        let error = Options::parse("postgres://anna@db/queue?pass=secret").unwrap_err();
        assert_eq!(error, InvalidAddress::Malformed);
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn the_mode_of_encryption_is_that_of_the_address() {
        let mode = |address: &str| {
            let options = Options::parse(address).unwrap();
            (options.config.get_ssl_mode(), options.verifies_server)
        };
        assert_eq!(mode("host=db"), (SslMode::Prefer, false));
        assert_eq!(mode("host=db sslmode=disable"), (SslMode::Disable, false));
        assert_eq!(mode("postgres://db/queue?sslmode=require"), (SslMode::Require, false));
        assert_eq!(mode("postgres://db/queue?sslmode=verify-full&connect_timeout=3"), (SslMode::Require, true));
        assert_eq!(mode("sslmode='verify-full' host=db"), (SslMode::Require, true));
        assert_eq!(mode("host=/tmp sslmode=require"), (SslMode::Disable, false), "a socket in a folder");
        for address in ["host=db sslmode=verify-ca", "postgres://db/queue?sslmode=verify-fully"] {
            assert_eq!(Options::parse(address).unwrap_err(), InvalidAddress::SslMode, "{address}");
        }
    }

    #[test]
    fn an_address_without_a_host_is_malformed() {
        for address in ["postgres:///queue", "postgres://anna@/queue", "dbname=queue", ""] {
            assert_eq!(Options::parse(address).err(), Some(InvalidAddress::Malformed), "{address}");
        }
    }

    #[test]
    fn the_default_database_has_the_name_of_the_user() {
        let place = |address: &str| Options::parse(address).unwrap().place();
        assert_eq!(place("postgres://anna@db:5432"), "postgres://db:5432/anna");
        assert_eq!(
            place("host=db port=5432"),
            format!("postgres://db:5432/{}", whoami::username().unwrap_or_default())
        );
    }

    #[test]
    fn the_address_of_a_host_in_ipv6_has_brackets() {
        let options = Options::parse("postgres://anna@[::1]:9/queue").unwrap();
        assert_eq!(options.place(), "postgres://[::1]:9/queue");
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
