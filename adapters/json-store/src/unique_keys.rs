//! Detects JSON objects with duplicate keys. `serde_json` would silently keep only the last value.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

pub(crate) fn check(json: &[u8]) -> serde_json::Result<()> {
    serde_json::from_slice(json).map(|Checked| ())
}

struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CheckedVisitor)
    }
}

struct CheckedVisitor;

impl<'de> Visitor<'de> for CheckedVisitor {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checked, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} is given twice")));
            }
            seen.insert(key);
            map.next_value::<Checked>()?;
        }
        Ok(Checked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Checked, A::Error> {
        while let Some(Checked) = seq.next_element()? {}
        Ok(Checked)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_unit<E>(self) -> Result<Checked, E> {
        Ok(Checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_given_twice_is_found_at_any_depth() {
        for json in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"\u0061":null}}]"#, r#"{"a":[{},{"x":1,"y":"","x":1.5}]}"#] {
            let error = check(json.as_bytes()).expect_err(json).to_string();
            assert!(error.contains("is given twice at line 1"), "{error}");
        }
    }

    #[test]
    fn other_json_passes() {
        for json in [r#"{"a":{"a":[{"a":-1},{"a":1e9}]},"b":[true,null,"a","a"]}"#, "7", "[]"] {
            check(json.as_bytes()).expect(json);
        }
        check(b"{").expect_err("no JSON");
    }
}
