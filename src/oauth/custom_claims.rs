//! Claims that only the service and its callers understand, beside those that are registered (RFC 7519 §4.3).

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
};
use serde_json::Value;

/// How many characters a name may have.
const NAME_LENGTH: usize = 64;

/// How many bytes the claims of a client or user may have as JSON: a token must fit into a header.
const LONGEST: usize = 2048;

/// Names that say something already: in our tokens, in those of other issuers, or in introspection (RFC 7519 §4.1,
/// RFC 7662 §2.2, RFC 8693 §4, RFC 9068 §2.2, OpenID Connect Core 1.0 §2).
const TAKEN: &[&str] = &[
    "acr",
    "act",
    "active",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "client_id",
    "cnf",
    "entitlements",
    "events",
    "exp",
    "groups",
    "iat",
    "iss",
    "jti",
    "key_id",
    "kind",
    "may_act",
    "nbf",
    "nonce",
    "realm_access",
    "resource_access",
    "roles",
    "s_hash",
    "scope",
    "scp",
    "sid",
    "sub",
    "token_type",
    "typ",
    "username",
];

/// Why a claim cannot be put into a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomClaimError {
    /// The name is not 1 to 64 of `A-Z a-z 0-9 . _ - : /`.
    #[error("{0:?} is no name of a claim: 1 to 64 of A-Z a-z 0-9 . _ - : /")]
    Name(String),
    /// The claim has a meaning of its own.
    #[error("the claim {0} has a meaning of its own: take another name")]
    Taken(String),
    /// The value is null, an object, or a list of anything but strings, numbers and booleans.
    #[error("the claim {0} is no string, number, boolean, or list of these")]
    Value(String),
}

/// Checked claims with flat values, by name; clones share them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct CustomClaims(Option<Arc<BTreeMap<String, Value>>>);

impl CustomClaims {
    /// Adds a claim, or replaces the one of this name.
    ///
    /// # Errors
    /// The name is none or taken, or the value is not flat.
    pub(crate) fn insert(&mut self, name: &str, value: Value) -> Result<(), CustomClaimError> {
        if !is_name(name) {
            return Err(CustomClaimError::Name(name.chars().take(80).collect()));
        }
        if TAKEN.contains(&name) {
            return Err(CustomClaimError::Taken(name.to_owned()));
        }
        if !is_flat(&value) {
            return Err(CustomClaimError::Value(name.to_owned()));
        }
        Arc::make_mut(self.0.get_or_insert_default()).insert(name.to_owned(), value);
        Ok(())
    }

    /// The value of a claim, read as a `T`; none if there is no such claim, or if it is something else.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.0.as_ref()?.get(name)?).ok()
    }

    /// Claims that an operator lists for a client or user.
    ///
    /// # Errors
    /// One of them cannot be put into a token, or all together are too long for one.
    pub(crate) fn listed(
        claims: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<Self, String> {
        let mut listed = Self::default();
        for (name, value) in claims {
            listed.insert(&name, value).map_err(|error| error.to_string())?;
        }
        let length = serde_json::to_string(&listed).map_or(usize::MAX, |text| text.len());
        match length {
            ..=LONGEST => Ok(listed),
            _ => Err(format!("they have {length} bytes as JSON, a token takes {LONGEST}")),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Those that `others` have with the same value.
    pub(crate) fn shared_with(&self, others: &Self) -> Self {
        let (Some(own), Some(others)) = (&self.0, &others.0) else { return Self::default() };
        let shared = own.iter().filter(|(name, value)| others.get(*name) == Some(value));
        let shared: BTreeMap<_, _> =
            shared.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self(Some(shared).filter(|shared| !shared.is_empty()).map(Arc::new))
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().flat_map(|claims| claims.iter()).map(|(name, value)| (name.as_str(), value))
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_LENGTH).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'/'))
}

fn is_flat(value: &Value) -> bool {
    let is_plain =
        |value: &Value| matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_));
    match value {
        Value::Array(list) => list.iter().all(is_plain),
        value => is_plain(value),
    }
}

/// The members of an object that has others too.
impl Serialize for CustomClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// What cannot be a custom claim is ignored (RFC 7519 §4): a newer hallpass with the same key may write more.
impl<'de> Deserialize<'de> for CustomClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = CustomClaims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("claims")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<CustomClaims, M::Error> {
                let mut claims = CustomClaims::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if claims.0.as_ref().is_some_and(|known| known.contains_key(&name)) {
                        return Err(M::Error::custom("a claim is there twice"));
                    }
                    let _ignored = claims.insert(&name, value);
                }
                Ok(claims)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(json: Value) -> CustomClaims {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn names_with_a_meaning_and_nested_values_are_refused() {
        let mut claims = CustomClaims::default();
        for taken in ["sub", "roles", "scope", "key_id", "client_id", "active", "nonce", "groups"] {
            let taken_error = CustomClaimError::Taken(taken.to_owned());
            assert_eq!(claims.insert(taken, json!("x")), Err(taken_error));
        }
        for bad in ["", "a b", "\u{e4}", "a\"b", &"x".repeat(65)] {
            assert!(
                matches!(claims.insert(bad, json!(1)), Err(CustomClaimError::Name(_))),
                "{bad}"
            );
        }
        for nested in [json!(null), json!({}), json!([[1]]), json!(["a", null])] {
            let error = claims.insert("plan", nested.clone());
            assert_eq!(error, Err(CustomClaimError::Value("plan".to_owned())), "{nested}");
        }
        assert_eq!(claims, CustomClaims::default());
        for (name, value) in [
            ("plan", json!("pro")),
            ("https://example.com/tenant", json!(7)),
            ("beta", json!(true)),
            ("features", json!(["a", 1, false])),
        ] {
            claims.insert(name, value).unwrap();
        }
        assert_eq!(claims.read::<String>("plan").as_deref(), Some("pro"));
        assert_eq!(claims.read::<u8>("https://example.com/tenant"), Some(7));
        assert_eq!((claims.read::<u8>("plan"), claims.read::<u8>("gone")), (None, None));
        assert_eq!(claims.iter().count(), 4);
    }

    #[test]
    fn what_is_written_is_read_and_the_rest_is_ignored() {
        let read = claims(
            json!({ "plan": "pro", "features": ["a"], "nested": {}, "no name": 1, "sub": "x" }),
        );
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            json!({ "plan": "pro", "features": ["a"] })
        );
        assert_eq!(claims(serde_json::to_value(&read).unwrap()), read);
        assert!(serde_json::from_str::<CustomClaims>(r#"{"plan":"a","plan":"b"}"#).is_err());
    }
}
