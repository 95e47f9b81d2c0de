//! Detects whether a file or its processing has changed since the file completed.

use std::fmt;

/// The size and modification time of a file. A file with an equal fingerprint counts as unchanged.
///
/// A change goes unnoticed if the size stays the same and the modification time is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// Length in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970-01-01 UTC, limited to the years 1677 to 2262.
    pub modified_ns: i64,
}

/// True if the fingerprint of a file differs between `before` and `after`. If either is unknown,
/// the file counts as unchanged.
#[must_use]
pub fn has_changed(before: Option<Fingerprint>, after: Option<Fingerprint>) -> bool {
    before.zip(after).is_some_and(|(before, after)| before != after)
}

/// Identifies how a run processes files: a hash of the command template, or of the workflow and its
/// inputs. This crate compares recipes but never computes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipe([u8; 8]);

impl Recipe {
    /// Creates a recipe from the first 8 bytes of a hash. Eight bytes suffice, because a user
    /// compares only a handful of commands.
    #[must_use]
    pub const fn new(hash: [u8; 8]) -> Self {
        Self(hash)
    }

    /// Parses 16 hexadecimal digits, as `Display` writes them; returns `None` for any other text.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// The record of a successful attempt. When the file is added again, the record decides whether the
/// file is processed again; see [`Repeat`](crate::request::Repeat).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Completion {
    /// The fingerprint of the file at the beginning of the attempt, or at its end if the run
    /// [edits files](crate::RunConfig::edits_files). `None` if unknown.
    pub fingerprint: Option<Fingerprint>,
    /// The recipe of the run; `None` if the run has none.
    pub recipe: Option<Recipe>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_two_different_fingerprints_are_a_change() {
        let of = |size, modified_ns| Some(Fingerprint { size, modified_ns });
        assert!(has_changed(of(1, 2), of(2, 2)) && has_changed(of(1, 2), of(1, 3)));
        assert!(!has_changed(of(1, 2), of(1, 2)));
        assert!(!has_changed(of(1, 2), None) && !has_changed(None, of(1, 2)) && !has_changed(None, None));
    }

    proptest! {
        #[test]
        fn a_recipe_survives_its_text(hash in any::<[u8; 8]>()) {
            let recipe = Recipe::new(hash);
            prop_assert_eq!(Recipe::from_hex(&recipe.to_string()), Some(recipe));
        }

        #[test]
        fn other_text_is_no_recipe(text in "[0-9a-g+-]{0,17}") {
            let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            prop_assert_eq!(Recipe::from_hex(&text).is_some(), is_hex);
        }
    }
}
