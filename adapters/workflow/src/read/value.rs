//! Converts values of a workflow file to Rust types.

use std::time::Duration;

use super::Reader;
use crate::definition::Located;
use crate::tree::{Kind, Node};

pub(super) trait Value: Sized {
    /// Reports an invalid value and returns `None`.
    fn read(reader: &mut Reader<'_>, node: &Node, wanted: &str) -> Option<Self>;
}

impl Value for Located<String> {
    fn read(reader: &mut Reader<'_>, node: &Node, wanted: &str) -> Option<Self> {
        let text = match &node.value {
            Kind::Text(text) => text.clone(),
            Kind::Number(number, bytes) => {
                let written = bytes.clone().and_then(|bytes| reader.text.get(bytes));
                written.map_or_else(|| number.to_string(), |written| written.trim().to_owned())
            }
            Kind::Bool(value) => value.to_string(),
            _ => return reader.refuse(node, wanted),
        };
        Some(Self::new(text, node.position))
    }
}

impl Value for String {
    fn read(reader: &mut Reader<'_>, node: &Node, wanted: &str) -> Option<Self> {
        Located::read(reader, node, wanted).map(|text| text.value)
    }
}

impl Value for bool {
    fn read(reader: &mut Reader<'_>, node: &Node, wanted: &str) -> Option<Self> {
        if let Kind::Bool(value) = node.value { Some(value) } else { reader.refuse(node, wanted) }
    }
}

impl Value for u32 {
    fn read(reader: &mut Reader<'_>, node: &Node, wanted: &str) -> Option<Self> {
        let Kind::Number(number, _) = &node.value else { return reader.refuse(node, wanted) };
        let count = number.as_u64().and_then(|number| Self::try_from(number).ok());
        count.or_else(|| reader.refuse(node, wanted))
    }
}

impl Value for Duration {
    fn read(reader: &mut Reader<'_>, node: &Node, wanted: &str) -> Option<Self> {
        let word = Located::<String>::read(reader, node, wanted)?;
        match autoproc_time_text::parse_positive(&word.value) {
            Ok(span) => Some(span),
            Err(invalid) => {
                reader.problems.error(word.position, format!("`{}` is not a time: {invalid}", word.value));
                None
            }
        }
    }
}

impl Reader<'_> {
    fn refuse<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        self.other_kind(node, wanted);
        None
    }
}
