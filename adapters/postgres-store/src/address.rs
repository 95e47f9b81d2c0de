//! Removes passwords from server addresses.

use crate::options::InvalidAddress;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Refuses a URL if a part of its password could count as another part.
///
/// # Errors
/// [`InvalidAddress::Ambiguous`] if the URL has more than one `@`, or a `/` or `?` before its `@`.
/// [`InvalidAddress::Malformed`] if the name of a parameter has escaped characters, which could
/// hide the parameter `password`.
pub(crate) fn check(address: &str) -> Result<(), InvalidAddress> {
    let Some(url) = Url::split(address) else { return Ok(()) };
    let rest = &address[url.scheme.len()..];
    let is_late = |(credentials, _): (&str, &str)| credentials.contains(['/', '?']);
    if rest.matches('@').count() > 1 || rest.split_once('@').is_some_and(is_late) {
        return Err(InvalidAddress::Ambiguous);
    }
    let mut keys = url.parameters.split('&').map(key_of);
    if keys.any(|key| key.contains('%')) { Err(InvalidAddress::Malformed) } else { Ok(()) }
}

/// Returns a URL without its password; for other addresses, an empty text.
pub(crate) fn without_password(address: &str) -> String {
    let Some(Url { scheme, user, location, parameters }) = Url::split(address) else { return String::new() };
    let kept: Vec<_> = parameters.split('&').filter(|one| !one.is_empty() && key_of(one) != "password").collect();
    let user = user.map_or_else(String::new, |user| format!("{user}@"));
    let mark = if kept.is_empty() { "" } else { "?" };
    format!("{scheme}{user}{location}{mark}{}", kept.join("&"))
}

struct Url<'a> {
    scheme: &'static str,
    user: Option<&'a str>,
    /// Hosts, ports and database.
    location: &'a str,
    parameters: &'a str,
}

impl<'a> Url<'a> {
    fn split(address: &'a str) -> Option<Self> {
        let scheme = SCHEMES.into_iter().find(|scheme| address.starts_with(scheme))?;
        let rest = &address[scheme.len()..];
        let (user, rest) = match rest.split_once('@') {
            Some((credentials, rest)) => (Some(credentials.split(':').next().unwrap_or_default()), rest),
            None => (None, rest),
        };
        let (location, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        Some(Self { scheme, user, location, parameters })
    }
}

fn key_of(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_left_out() {
        for (address, expected) in [
            ("postgres://anna:secret@db/queue", "postgres://anna@db/queue"),
            ("postgres://anna:sec:ret@db/queue", "postgres://anna@db/queue"),
            ("postgresql://anna@db:5433/queue", "postgresql://anna@db:5433/queue"),
            ("postgres://db/queue?password=secret", "postgres://db/queue"),
            (
                "postgres://anna:secret@db/queue?connect_timeout=3&password=secret&application_name=x",
                "postgres://anna@db/queue?connect_timeout=3&application_name=x",
            ),
            ("postgres://:secret@db/queue", "postgres://@db/queue"),
            ("host=db password=secret", ""),
        ] {
            assert_eq!(without_password(address), expected, "{address}");
        }
    }

    #[test]
    fn an_address_that_could_show_a_part_of_its_password_is_refused() {
        for address in [
            "postgres://anna:sec@ret@db/queue",
            "postgres://anna:sec@ret/x@db/queue",
            "postgres://db/queue?password=sec@ret",
            "postgres://db:5433/queue?password=sec@ret",
            "postgres://anna:sec/ret@db/queue",
        ] {
            assert_eq!(check(address), Err(InvalidAddress::Ambiguous), "{address}");
        }
        assert_eq!(check("postgres://db/queue?pass%77ord=secret"), Err(InvalidAddress::Malformed));
        assert_eq!(check("postgres://anna:sec%40ret@db/queue?connect_timeout=3"), Ok(()));
    }
}
