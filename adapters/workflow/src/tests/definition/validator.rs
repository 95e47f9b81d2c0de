use regex_lite::Regex;
use serde_json::{Map, Value};

pub(super) struct Validator(pub(super) Value);

impl Validator {
    pub(super) fn accepts(&self, document: &Value) -> bool {
        self.check(&self.0, document)
    }

    fn check(&self, schema: &Value, value: &Value) -> bool {
        let Value::Object(keywords) = schema else { return schema.as_bool().unwrap() };
        keywords.iter().all(|(keyword, rule)| self.rule(keyword, rule, keywords, value))
    }

    fn rule(&self, keyword: &str, rule: &Value, schema: &Map<String, Value>, value: &Value) -> bool {
        let accepting =
            |schemas: &Value| schemas.as_array().unwrap().iter().filter(|schema| self.check(schema, value)).count();
        let length = value.as_str().map(|text| text.chars().count() as u64);
        let number = value.as_f64();
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "format" => true,
            "$ref" => self.check(self.0.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), value),
            "anyOf" => accepting(rule) > 0,
            "oneOf" => accepting(rule) == 1,
            "const" => rule == value,
            "type" => elements(rule).any(|name| is_type(value, name.as_str().unwrap())),
            "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            "minLength" => length.is_none_or(|length| length >= rule.as_u64().unwrap()),
            "maxLength" => length.is_none_or(|length| length <= rule.as_u64().unwrap()),
            "minimum" => number.is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => number.is_none_or(|number| number <= rule.as_f64().unwrap()),
            "exclusiveMinimum" => number.is_none_or(|number| number > rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= rule.as_u64().unwrap()),
            "items" => value.as_array().is_none_or(|list| list.iter().all(|element| self.check(rule, element))),
            "required" => !value.is_object() || elements(rule).all(|key| value.get(key.as_str().unwrap()).is_some()),
            "properties" | "patternProperties" => entries(value)
                .all(|(key, value)| named(keyword, rule, key).is_none_or(|schema| self.check(schema, value))),
            "additionalProperties" => entries(value).all(|(key, value)| {
                let mut others = ["properties", "patternProperties"].into_iter();
                others.any(|keyword| schema.get(keyword).is_some_and(|rule| named(keyword, rule, key).is_some()))
                    || self.check(rule, value)
            }),
            _ => panic!("unknown keyword {keyword}"),
        }
    }
}

fn named<'s>(keyword: &str, schemas: &'s Value, key: &str) -> Option<&'s Value> {
    let mut schemas = schemas.as_object().unwrap().iter();
    let is_meant = |name: &str| if keyword == "properties" { name == key } else { matches(name, key) };
    schemas.find(|(name, _)| is_meant(name)).map(|(_, schema)| schema)
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text)
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => panic!("unknown type {name}"),
    }
}
