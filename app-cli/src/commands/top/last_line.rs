use anstream::adapter::strip_str;

use crate::escape::Printable;

/// Returns the last line of an output that is not blank, escaped and without colours.
pub(super) fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let plain = strip_str(&text).to_string();
    let versions = plain.rsplit(['\n', '\r']).map(str::trim);
    let last = versions.into_iter().find(|version| !version.is_empty())?;
    Some(Printable(&last.replace('\t', " ")).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(output: &str) -> Option<String> {
        last_line(output.as_bytes())
    }

    #[test]
    fn the_latest_version_counts() {
        assert_eq!(of("page 1\npage 2\n\n").as_deref(), Some("page 2"));
        assert_eq!(of("begin\n 10%\r 20%\r").as_deref(), Some("20%"));
        assert_eq!(of("begin\n 10%\r 20").as_deref(), Some("20"));
        assert_eq!((of(""), of(" \r\n\n")), (None, None));
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(of("\u{1b}[31mred\u{1b}[0m\u{7}\u{202e}x\ty").as_deref(), Some("red\\u{202e}x y"));
        assert_eq!(last_line(b"\xff!").as_deref(), Some("\u{fffd}!"));
    }
}
