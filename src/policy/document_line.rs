//! Where in the text of a document a value stands.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The line of the value that a JSON pointer leads to.
pub(super) fn line_of(bytes: &[u8], is_yaml: bool, pointer: &str) -> Option<usize> {
    let keys: Vec<_> =
        pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    if is_yaml {
        let error = LineOf(&keys).deserialize(yaml_serde::Deserializer::from_slice(bytes)).err()?;
        return error.location().map(|at| at.line());
    }
    let error =
        LineOf(&keys).deserialize(&mut serde_json::Deserializer::from_slice(bytes)).err()?;
    Some(error.line())
}

/// Stops with an error, which has the line, at the value under these keys.
struct LineOf<'k>(&'k [String]);

impl<'de> DeserializeSeed<'de> for LineOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// What it does not visit is an error.
impl<'de> Visitor<'de> for LineOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Some((index, rest)) = self.0.split_first() else {
            return Err(de::Error::custom("it is here"));
        };
        for _ in 0..index.parse().unwrap_or(0) {
            elements.next_element::<IgnoredAny>()?;
        }
        elements.next_element_seed(LineOf(rest)).map(drop)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.0.split_first() else {
            return Err(de::Error::custom("it is here"));
        };
        while let Some(key) = members.next_key::<String>()? {
            if key == *wanted {
                return members.next_value_seed(LineOf(rest));
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}
