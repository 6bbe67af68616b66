//! Values of keys that may be left out but must not be empty: an empty list reads as "nothing" and would mean "everything".

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use http::header::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Why an empty value is refused.
pub(super) const EMPTY: &str = "is empty, so it would match everything; give it a value or take the key out";

/// A list that is not empty when it is given.
#[derive(Debug)]
pub(super) struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::deserialize(deserializer)?;
        if list.is_empty() {
            return Err(D::Error::custom(format!("the list {EMPTY}")));
        }
        Ok(Self(list))
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1, "items": generator.subschema_for::<T>() })
    }
}

/// A value that is not null when it is given.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Values by header name; not empty when it is given.
#[derive(Debug)]
pub(super) struct Headers<T>(Vec<(HeaderName, T)>);

impl<T> Default for Headers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for Headers<T> {
    type Target = [(HeaderName, T)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Headers<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let headers = deserializer.deserialize_map(HeadersVisitor(PhantomData))?;
        if headers.0.is_empty() {
            return Err(D::Error::custom(format!("the list of headers {EMPTY}")));
        }
        Ok(headers)
    }
}

impl<T: JsonSchema> JsonSchema for Headers<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("HeadersWith{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "minProperties": 1, "additionalProperties": value })
    }
}

struct HeadersVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for HeadersVisitor<T> {
    type Value = Headers<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("header names with conditions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers<T>, A::Error> {
        let mut headers = Vec::new();
        while let Some((Name(name), wanted)) = map.next_entry()? {
            headers.push((name, wanted));
        }
        Ok(Headers(headers))
    }
}

struct Name(HeaderName);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let typed = String::deserialize(deserializer)?;
        let name = HeaderName::from_bytes(typed.as_bytes());
        name.map(Self).map_err(|_not_a_name| D::Error::custom(format!("`{typed}` is not a header name")))
    }
}
