//! Builds the value of a document in JSON or YAML, or only the part of it that decisions depend on.

use std::{cell::Cell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Bounds what a document becomes in memory: a few lines of YAML with aliases can stand for gigabytes.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// What a value takes beside its text, in bytes.
const VALUE_BYTES: usize = 64;

/// What a value is, where not everything below it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Everything below it is built.
    Whole,
    /// It is read, for what no document may have, and not built.
    Skipped,
    /// A document, of which is built what decisions depend on. Where a `$ref` leads to something else, it leads to
    /// nothing.
    Document,
    Components,
    PathItems,
    PathItem,
    Operations,
    Operation,
    Parameters,
    Parameter,
}

impl Part {
    fn member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Whole, _) => Self::Whole,
            (Self::Document, "openapi" | "swagger" | "servers" | "security") => Self::Whole,
            (Self::Document, "components") => Self::Components,
            (Self::Document, "paths") | (Self::Components, "pathItems") => Self::PathItems,
            (Self::Components, "securitySchemes") => Self::Whole,
            (Self::Components, "parameters") => Self::Parameters,
            (Self::PathItems, _) => Self::PathItem,
            (Self::PathItem | Self::Operation, "$ref" | "servers") => Self::Whole,
            (Self::PathItem | Self::Operation, "parameters") => Self::Parameters,
            (Self::PathItem, "additionalOperations") => Self::Operations,
            (Self::PathItem | Self::Operations, _) => Self::Operation,
            (Self::Operation, "security" | "operationId" | "summary") => Self::Whole,
            (Self::Parameters, _) => Self::Parameter,
            (Self::Parameter, "$ref" | "style") => Self::Whole,
            _ => Self::Skipped,
        }
    }

    fn element(self) -> Self {
        if self == Self::Parameters { Self::Parameter } else { self }
    }
}

/// Builds a value, within a number of bytes.
#[derive(Clone, Copy)]
pub(super) struct Values<'l> {
    left: &'l Cell<usize>,
    is_yaml: bool,
    part: Part,
}

impl<'l> Values<'l> {
    /// `left` is where it counts.
    pub(super) fn new(left: &'l Cell<usize>, is_yaml: bool, part: Part) -> Self {
        left.set(MAX_BYTES);
        Self { left, is_yaml, part }
    }

    fn built<E: de::Error>(
        self,
        text_bytes: usize,
        value: impl FnOnce() -> Value,
    ) -> Result<Value, E> {
        if self.part == Part::Skipped {
            return Ok(Value::Null);
        }
        self.take(text_bytes)?;
        Ok(value())
    }

    fn take<E: de::Error>(self, text_bytes: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(text_bytes + VALUE_BYTES);
        let what = || format!("it takes more than {} MiB of memory", MAX_BYTES / 1024 / 1024);
        self.left.set(left.ok_or_else(|| E::custom(what()))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without a tag")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.built(0, || value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.built(0, || value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.built(0, || value.into())
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.built(0, || Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.built(text.len(), || text.into())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.built(0, || Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let element = Self { part: self.part.element(), ..self };
        let mut found = Vec::new();
        while let Some(value) = elements.next_element_seed(element)? {
            if self.part != Part::Skipped {
                found.push(value);
            }
        }
        self.built(0, || found.into())
    }

    /// Keys of YAML that are no strings, such as the status codes of responses, become their text.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some(key) = members.next_key_seed(Key { values: self, before: &found })? {
            let part = self.part.member(&key);
            found.insert(key, members.next_value_seed(Self { part, ..self })?);
        }
        if self.part != Part::Whole {
            found.retain(|key, _| self.part.member(key) != Part::Skipped);
        }
        self.built(0, || found.into())
    }
}

/// Reads the name of a member. It is checked here because the error then has its line.
struct Key<'l, 'm> {
    values: Values<'l>,
    before: &'m Map<String, Value>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        if self.values.part.member(key) != Part::Skipped {
            self.values.take::<E>(key.len())?;
        }
        if self.before.contains_key(key) {
            return Err(E::custom(format!("`{key}` is there twice; remove one")));
        }
        if self.values.is_yaml && key == "<<" {
            return Err(E::custom("the merge key `<<` is not YAML 1.2; write its members out"));
        }
        Ok(key.to_owned())
    }
}
