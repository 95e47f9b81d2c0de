//! Encrypts connections to the PostgreSQL server.

#[cfg(feature = "tls")]
mod rustls_connector;

use crate::error::Answer;
use crate::options::Options;

#[cfg(feature = "tls")]
type Connector = tokio_postgres_rustls::MakeRustlsConnect;
#[cfg(not(feature = "tls"))]
type Connector = tokio_postgres::NoTls;

/// Returns a connector that uses encryption where the address and the server allow it.
///
/// # Errors
/// `Failed` if the server must be verified, but no root certificate can be read.
#[cfg(feature = "tls")]
pub(crate) fn connector(options: &Options) -> Answer<Connector> {
    rustls_connector::connector(options)
}

/// Returns a connector without encryption.
///
/// # Errors
/// `Failed` if the server must be verified, which requires encryption.
#[cfg(not(feature = "tls"))]
pub(crate) fn connector(options: &Options) -> Answer<Connector> {
    if options.verifies_server {
        let action = format!("cannot verify the server of {}", options.place());
        let source = "this program was built without encryption".into();
        return Err(autoproc_domain::ports::StorageError::Failed { action, source }.into());
    }
    Ok(tokio_postgres::NoTls)
}
