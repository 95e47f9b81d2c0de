//! A path in a JSON document, where only Unicode can stand.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use autoproc_domain::FilePath;
use serde::{Deserialize, Serialize};

/// A path as text; where its bytes are not UTF-8 the text only resembles it, and the bytes stand beside it in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathText {
    pub(crate) file_path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file_path_bytes: Option<String>,
}

impl From<&FilePath> for PathText {
    fn from(path: &FilePath) -> Self {
        let text = path.as_os_str().to_string_lossy().into_owned();
        let file_path_bytes = path.as_path().to_str().is_none().then(|| hex(path.as_os_str().as_bytes()));
        Self { file_path: text, file_path_bytes }
    }
}

impl PathText {
    /// The path; `None` where what was read is none.
    pub(crate) fn path(&self) -> Option<FilePath> {
        match &self.file_path_bytes {
            Some(digits) => FilePath::new(OsString::from_vec(unhex(digits)?)).ok(),
            None => FilePath::new(&self.file_path).ok(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: char| u8::try_from(digit.to_digit(16)?).ok();
    let digits = digits.chars().map(value).collect::<Option<Vec<u8>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_a_byte_is_no_path() {
        let text = |digits: &str| PathText { file_path: String::new(), file_path_bytes: Some(digits.to_owned()) };
        assert_eq!(text("2f61").path(), FilePath::new("/a").ok());
        assert_eq!(text("2f6").path(), None);
    }

    proptest! {
        #[test]
        fn a_path_survives_its_text(bytes in prop::collection::vec(1_u8.., 1..50)) {
            let bytes = [b"/", bytes.as_slice()].concat();
            let path = FilePath::new(OsString::from_vec(bytes)).expect("absolute and without NUL");
            let text = PathText::from(&path);
            prop_assert_eq!(text.file_path_bytes.is_some(), path.as_path().to_str().is_none());
            prop_assert_eq!(text.path(), Some(path));
        }

        #[test]
        fn no_digits_are_too_odd_to_refuse(digits in any::<String>()) {
            let _ = PathText { file_path: String::new(), file_path_bytes: Some(digits) }.path();
        }
    }
}
