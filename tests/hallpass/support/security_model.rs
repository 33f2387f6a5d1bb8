//! A second, simple implementation of `security`, to compare the real one with.

use serde_json::Value;

/// The clients whose token and API key a request carries; those of `nobody` are invalid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestCredentials {
    pub(crate) bearer: Option<&'static str>,
    pub(crate) key: Option<&'static str>,
}

/// The result of a request, the most specific last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Missing,
    Bad,
    Forbidden,
    Handled,
}

impl Outcome {
    /// The outcome that an answer shows. A handler that needs a principal answers 401 in its own words.
    pub(crate) fn from_answer(status: u16, body: &str) -> Self {
        match status {
            401 if body.contains("is not authenticated") => Self::Handled,
            401 if body.contains("No credential was presented") => Self::Missing,
            401 => Self::Bad,
            403 => Self::Forbidden,
            404 | 405 => panic!("{status}: {body}"),
            _ => Self::Handled,
        }
    }
}

/// The expected outcome.
pub(crate) fn expected(security: &Value, presented: &RequestCredentials) -> Outcome {
    let alternatives = security.as_array().unwrap();
    if alternatives.is_empty() {
        return Outcome::Handled;
    }
    let best = alternatives.iter().map(|one| alternative(one, presented)).max().unwrap();
    let anonymous = alternatives.iter().any(|one| one.as_object().unwrap().is_empty());
    match best {
        // `{}` allows requests without a credential and with a valid one.
        Outcome::Missing | Outcome::Forbidden if anonymous => Outcome::Handled,
        outcome => outcome,
    }
}

fn alternative(one: &Value, presented: &RequestCredentials) -> Outcome {
    let mut refusal = None;
    let mut subjects = Vec::new();
    for (scheme, words) in one.as_object().unwrap() {
        let subject = match scheme.as_str() {
            "bearer" | "oauth2" | "openIdConnect" => presented.bearer,
            "apiKey" => presented.key,
            _ => None,
        };
        let roles: &[&str] = match subject {
            Some("admin") => &["admin", "reader"],
            Some("reader") => &["reader"],
            _ => &[],
        };
        let words = words.as_array().unwrap();
        let has_all = words.iter().all(|word| roles.contains(&word.as_str().unwrap()));
        let scheme = match subject {
            None => Outcome::Missing,
            Some("nobody") => Outcome::Bad,
            Some(_) if has_all => Outcome::Handled,
            Some(_) => Outcome::Forbidden,
        };
        // The more specific refusal wins.
        refusal = refusal.max(Some(scheme).filter(|one| *one != Outcome::Handled));
        subjects.push(subject);
    }
    let nothing = subjects.is_empty();
    let differ = subjects.windows(2).any(|pair| pair[0] != pair[1]);
    match refusal {
        Some(refusal) => refusal,
        // `{}` is handled in `expected`.
        None if nothing => Outcome::Missing,
        None if differ => Outcome::Forbidden,
        None => Outcome::Handled,
    }
}
