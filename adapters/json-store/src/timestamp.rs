//! Points in time as serde fields, in the domain's text form.

/// For serde's `with`.
pub(crate) mod required {
    use autoproc_domain::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::borrow::Cow;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format_args!("{text:?} is {error}")))
    }
}

/// For serde's `with`, where there may be none.
pub(crate) mod optional {
    use autoproc_domain::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::borrow::Cow;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::required::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        let parse =
            |text: Cow<'_, str>| text.parse().map_err(|error| de::Error::custom(format_args!("{text:?} is {error}")));
        text.map(parse).transpose()
    }
}
