//! Translates the paths in a database to the paths of this machine, and back.
//!
//! Machines may mount the same share at different folders.

use std::fmt;
use std::str::FromStr;

use autoproc_domain::FilePath;
use autoproc_domain::path::InvalidPath;

/// Replaces a leading folder of stored paths by a folder on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MapRule {
    stored: FilePath,
    here: FilePath,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidRule {
    #[error("write STORED=HERE, for example /data=/mnt/nas/data")]
    NotOneEqualsSign,
    #[error("both sides must be absolute paths without `..`")]
    NotAbsolute,
}

impl FromStr for MapRule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let (stored, here) = text.split_once('=').ok_or(InvalidRule::NotOneEqualsSign)?;
        if here.contains('=') {
            return Err(InvalidRule::NotOneEqualsSign);
        }
        Ok(Self { stored: folder(stored)?, here: folder(here)? })
    }
}

impl fmt::Display for MapRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.stored.text(), self.here.text())
    }
}

fn folder(text: &str) -> Result<FilePath, InvalidRule> {
    let is_plain = text.split('/').all(|component| component != "..");
    FilePath::new(text).ok().filter(|_| is_plain).ok_or(InvalidRule::NotAbsolute)
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ambiguous {
    #[error("two rules map {0}")]
    Stored(FilePath),
    #[error("two rules map to {0}")]
    SameHere(FilePath),
    #[error("{0} and {1} are folders of two rules, and one contains the other")]
    Here(FilePath, FilePath),
}

/// The reason why a path on this machine has no stored path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoName {
    #[error("{path} has no name in the queue: with --map, {stored} is {other} on this machine")]
    Taken { path: FilePath, stored: FilePath, other: FilePath },
    #[error("{path} has no name in the queue: with --map, {error}")]
    Invalid { path: FilePath, error: InvalidPath },
}

/// The rules of this machine. If several rules apply to a path, the longest prefix wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathMap {
    /// Sorted: longer prefixes come first.
    rules: Vec<MapRule>,
}

impl PathMap {
    /// Creates a map of rules.
    ///
    /// # Errors
    /// [`Ambiguous`] if two rules have the same prefix or overlapping folders.
    pub(crate) fn new(mut rules: Vec<MapRule>) -> Result<Self, Ambiguous> {
        for (at, rule) in rules.iter().enumerate() {
            for other in &rules[at + 1..] {
                if rule.stored == other.stored {
                    return Err(Ambiguous::Stored(rule.stored.clone()));
                }
                if rule.here == other.here {
                    return Err(Ambiguous::SameHere(rule.here.clone()));
                }
                if is_below(&rule.here, &other.here) || is_below(&other.here, &rule.here) {
                    return Err(Ambiguous::Here(rule.here.clone(), other.here.clone()));
                }
            }
        }
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.stored.as_path().components().count()));
        Ok(Self { rules })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn rules(&self) -> &[MapRule] {
        &self.rules
    }

    /// Maps a stored path to the path on this machine.
    ///
    /// # Errors
    /// [`InvalidPath::TooLong`] if the path becomes too long.
    pub(crate) fn to_here(&self, stored: &FilePath) -> Result<FilePath, InvalidPath> {
        let rule = self.rules.iter().find(|rule| is_below(stored, &rule.stored));
        rule.map_or_else(|| Ok(stored.clone()), |rule| moved(stored, &rule.stored, &rule.here))
    }

    /// Maps a path on this machine to its stored path.
    ///
    /// # Errors
    /// [`NoName`] if the stored path would be too long, or stands for another file on this machine.
    pub(crate) fn to_stored(&self, here: &FilePath) -> Result<FilePath, NoName> {
        let invalid = |error| NoName::Invalid { path: here.clone(), error };
        let rule = self.rules.iter().find(|rule| is_below(here, &rule.here));
        let stored = rule.map_or_else(|| Ok(here.clone()), |rule| moved(here, &rule.here, &rule.stored));
        let stored = stored.map_err(invalid)?;
        let other = self.to_here(&stored).map_err(invalid)?;
        if other == *here { Ok(stored) } else { Err(NoName::Taken { path: here.clone(), stored, other }) }
    }
}

fn is_below(path: &FilePath, folder: &FilePath) -> bool {
    path.as_path().starts_with(folder.as_path())
}

fn moved(path: &FilePath, from: &FilePath, to: &FilePath) -> Result<FilePath, InvalidPath> {
    match path.as_path().strip_prefix(from.as_path()) {
        Ok(rest) => FilePath::new(to.as_path().join(rest)),
        Err(_) => Ok(path.clone()),
    }
}

#[cfg(test)]
mod tests {
    use autoproc_domain::path::MAX_PATH_BYTES;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::new(text).expect("a path")
    }

    fn map(rules: &[&str]) -> Result<PathMap, Ambiguous> {
        PathMap::new(rules.iter().map(|rule| rule.parse().expect("a rule")).collect())
    }

    #[test]
    fn whole_components_are_mapped_and_the_longest_prefix_wins() {
        let map = map(&["/data=/mnt/nas", "/data/fast=/ssd"]).expect("a map");
        for (stored, here) in [
            ("/data/a", "/mnt/nas/a"),
            ("/data", "/mnt/nas"),
            ("/data/fast/a", "/ssd/a"),
            ("/data/faster", "/mnt/nas/faster"),
            ("/database/a", "/database/a"),
            ("/other/data/a", "/other/data/a"),
        ] {
            assert_eq!(map.to_here(&path(stored)), Ok(path(here)));
            assert_eq!(map.to_stored(&path(here)), Ok(path(stored)));
        }
    }

    #[test]
    fn a_rule_may_map_every_path() {
        let map = map(&["/=/mnt"]).expect("a map");
        assert_eq!(map.to_here(&path("/a/b")), Ok(path("/mnt/a/b")));
        assert_eq!(map.to_stored(&path("/mnt/a/b")), Ok(path("/a/b")));
    }

    #[test]
    fn a_path_whose_name_is_taken_has_none() {
        let map = map(&["/data=/mnt/nas", "/data/fast=/ssd"]).expect("a map");
        for (here, stored, other) in
            [("/data/a", "/data/a", "/mnt/nas/a"), ("/mnt/nas/fast/a", "/data/fast/a", "/ssd/a")]
        {
            let (path, stored, other) = (path(here), path(stored), path(other));
            assert_eq!(map.to_stored(&path), Err(NoName::Taken { path: path.clone(), stored, other }));
        }
    }

    #[test]
    fn a_rule_is_two_absolute_paths() {
        for text in ["", "/data", "=", "/a=", "=/a", "a=/b", "/a=b", "/a/../b=/c"] {
            assert!(text.parse::<MapRule>().is_err(), "{text}");
        }
        assert_eq!("/a=/b=/c".parse::<MapRule>(), Err(InvalidRule::NotOneEqualsSign));
        assert_eq!("/a/=/b/./c".parse::<MapRule>(), "/a=/b/c".parse());
    }

    #[test]
    fn a_path_has_one_name_on_each_side() {
        assert_eq!(map(&["/a=/x", "/a=/y"]), Err(Ambiguous::Stored(path("/a"))));
        assert_eq!(map(&["/a=/x", "/b=/x"]), Err(Ambiguous::SameHere(path("/x"))));
        for rules in [["/a=/x", "/b=/x/y"], ["/a=/x/y", "/b=/x"]] {
            assert!(matches!(map(&rules), Err(Ambiguous::Here(..))), "{rules:?}");
        }
        map(&["/a=/b", "/b=/a"]).expect("a swap");
    }

    #[test]
    fn a_path_that_becomes_too_long_is_an_error() {
        let map = map(&["/a=/longer"]).expect("a map");
        let long = path(&format!("/a/{}", vec!["x".repeat(99); 40].join("/")));
        let longest = path(&format!("{}/{}", long.text(), "y".repeat(MAX_PATH_BYTES - long.text().len() - 1)));
        assert_eq!(map.to_here(&longest), Err(InvalidPath::TooLong));
    }

    fn paths() -> impl Strategy<Value = FilePath> {
        vec(prop::sample::select(vec!["a", "b", "ab", "c"]), 1..5)
            .prop_map(|words| path(&format!("/{}", words.join("/"))))
    }

    fn maps() -> impl Strategy<Value = PathMap> {
        let rule = (paths(), paths()).prop_map(|(stored, here)| MapRule { stored, here });
        vec(rule, 0..4).prop_filter_map("ambiguous", |rules| PathMap::new(rules).ok())
    }

    proptest! {
        #[test]
        fn the_way_back_leads_to_the_stored_path(map in maps(), stored in paths()) {
            let here = map.to_here(&stored).expect("short");
            let is_mapped = map.rules.iter().any(|rule| is_below(&stored, &rule.stored));
            let is_shadowed = !is_mapped && map.rules.iter().any(|rule| is_below(&stored, &rule.here));
            if is_shadowed {
                // A shadowed path maps to itself. Here, a rule gives this name to another file.
                prop_assert_eq!(&here, &stored);
            } else {
                prop_assert_eq!(map.to_stored(&here).expect("short"), stored);
            }
        }

        #[test]
        fn a_named_path_is_found_again(map in maps(), here in paths()) {
            if let Ok(stored) = map.to_stored(&here) {
                prop_assert_eq!(map.to_here(&stored), Ok(here));
            }
        }

        #[test]
        fn only_whole_components_change(map in maps(), stored in paths()) {
            let here = map.to_here(&stored).expect("short");
            let name = |path: &FilePath| path.as_path().file_name().map(ToOwned::to_owned);
            let is_prefix = map.rules.iter().any(|rule| rule.stored == stored);
            prop_assert!(is_prefix || name(&here) == name(&stored));
        }
    }
}
