//! The tree as serde builds it.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::Spanned;

use super::{Kind, Node, position};
use crate::definition::Located;

/// A node as it is read: of a number it is known where it is written, and not yet how.
pub(super) struct Spelt {
    node: Located<SpeltKind>,
    bytes: Option<(u64, u64)>,
}

enum SpeltKind {
    Plain(Kind),
    Number(Number),
    List(Vec<Spelt>),
    Map(Vec<(Located<String>, Spelt)>),
}

impl Spelt {
    /// The node, its numbers as they are written in the text it was read from.
    pub(super) fn in_words_of(self, text: &str) -> Node {
        let written = |bytes: Option<(u64, u64)>| {
            let (start, length) = bytes?;
            let start = usize::try_from(start).ok()?;
            text.get(start..start.checked_add(usize::try_from(length).ok()?)?)
        };
        let kind = match self.node.value {
            SpeltKind::Plain(kind) => kind,
            SpeltKind::Number(number) => {
                let word = written(self.bytes).map_or_else(|| number.to_string(), |word| word.trim().to_owned());
                Kind::Number(number, word)
            }
            SpeltKind::List(list) => Kind::List(list.into_iter().map(|node| node.in_words_of(text)).collect()),
            SpeltKind::Map(map) => {
                Kind::Map(map.into_iter().map(|(key, node)| (key, node.in_words_of(text))).collect())
            }
        };
        Located::new(kind, self.node.position)
    }
}

impl<'de> Deserialize<'de> for Spelt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<SpeltKind>::deserialize(deserializer)?;
        let span = spanned.defined.span();
        let bytes = span.byte_offset().zip(span.byte_len());
        Ok(Self { node: located(spanned), bytes })
    }
}

fn located<T>(spanned: Spanned<T>) -> Located<T> {
    let place = position(&spanned.referenced);
    Located::new(spanned.value, place)
}

impl<'de> Deserialize<'de> for SpeltKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = SpeltKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<SpeltKind, E> {
        Ok(SpeltKind::Plain(Kind::Null))
    }

    fn visit_none<E>(self) -> Result<SpeltKind, E> {
        Ok(SpeltKind::Plain(Kind::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<SpeltKind, E> {
        Ok(SpeltKind::Plain(Kind::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<SpeltKind, E> {
        Ok(SpeltKind::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<SpeltKind, E> {
        Ok(SpeltKind::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<SpeltKind, E> {
        Number::from_f64(value).map(SpeltKind::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<SpeltKind, E> {
        Err(E::custom(format!("the number {value} is too large; put it in quotes")))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<SpeltKind, E> {
        Err(E::custom(format!("the number {value} is too large; put it in quotes")))
    }

    fn visit_str<E>(self, value: &str) -> Result<SpeltKind, E> {
        Ok(SpeltKind::Plain(Kind::Text(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<SpeltKind, E> {
        Ok(SpeltKind::Plain(Kind::Text(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SpeltKind, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element::<Spelt>()? {
            nodes.push(node);
        }
        Ok(SpeltKind::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SpeltKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push((located(key), map.next_value::<Spelt>()?));
        }
        Ok(SpeltKind::Map(entries))
    }
}
