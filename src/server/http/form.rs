//! The form bodies of OAuth2 endpoints (RFC 6749 §3.2, appendix B).
//!
//! Must not know what a parameter means.

use std::collections::HashMap;

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, mime};
use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret, SecretString};

use crate::oauth::Scopes;

use crate::server::http::{body::Body, code::Code, refusal::Refusal};

/// Parameters that belong into the body: in the query they would end up in logs.
const BODY_ONLY: &[&str] =
    &["client_secret", "password", "token", "client_id", "username", "grant_type"];

/// The parameters that somebody here reads, the most characters of each, and whether a control character in it is
/// left to whoever reads it: as the document says. All others are ignored (RFC 6749 §3.2), even where they are
/// repeated (RFC 8707 §2).
const KNOWN: &[(&str, usize, bool)] = &[
    ("client_id", 64, false),
    ("client_secret", 128, true),
    ("grant_type", 256, true),
    ("password", 128, true),
    ("scope", Scopes::LONGEST, true),
    ("token", 8192, true),
    ("token_type_hint", 64, false),
    ("username", 64, false),
];

/// The known parameters of a form, none of them twice; empty ones count as left out.
#[derive(Debug)]
pub(crate) struct Form(HashMap<&'static str, SecretString>);

impl Form {
    /// A parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.secret(name).map(ExposeSecret::expose_secret)
    }

    /// A parameter that must not be printed.
    pub(crate) fn secret(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request` where it is not.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| {
            Refusal::new(
                Code::InvalidRequest,
                format!("The parameter {name} is missing from the form."),
            )
        })
    }

    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut parameters = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            let known = KNOWN.iter().find(|(known, ..)| *known == name);
            let Some((name, most, control)) = known.filter(|_| !value.is_empty()) else { continue };
            let refuse = |what| Err(Refusal::new(Code::InvalidRequest, what));
            if value.chars().count() > *most {
                return refuse(format!("The parameter {name} is longer than {most} characters."));
            }
            if !control && value.contains(|c: char| c.is_ascii_control()) {
                return refuse(format!("The parameter {name} holds a control character."));
            }
            let repeated = parameters.insert(*name, value.into_owned().into()).is_some();
            if repeated {
                return refuse(format!("The parameter {name} is there more than once."));
            }
        }
        Ok(Self(parameters))
    }
}

impl FromRequest for Form {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check(request);
        let body = Body::from_request(request, payload);
        Box::pin(async move {
            checked?;
            let Body(body) = body.await?;
            Self::read(&body)
        })
    }
}

fn check(request: &HttpRequest) -> Result<(), Refusal> {
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    for (name, _) in query {
        if BODY_ONLY.contains(&name.as_ref()) {
            let detail = format!("Send {name} in the body: addresses end up in logs.");
            return Err(Refusal::new(Code::InvalidRequest, detail));
        }
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.parse::<mime::Mime>().ok());
    if kind.is_some_and(|kind| {
        kind.essence_str() == mime::APPLICATION_WWW_FORM_URLENCODED.essence_str()
    }) {
        Ok(())
    } else {
        let detail = "Send the body as application/x-www-form-urlencoded.";
        Err(Refusal::new(Code::UnsupportedMediaType, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_empty_ones_are_none() {
        let form = Form::read(b"client_secret=hp%5F1&username=&scope=x+y").unwrap();
        assert_eq!(form.text("client_secret"), Some("hp_1"));
        assert_eq!(form.text("username"), None);
        assert_eq!(form.text("scope"), Some("x y"));
        assert!(form.required("username").is_err());
    }

    #[test]
    fn known_parameters_have_limits_and_others_have_none() {
        let long = "x".repeat(65);
        assert!(Form::read(format!("client_id={long}").as_bytes()).is_err());
        assert!(Form::read(b"username=a%00b").is_err());
        assert!(Form::read(format!("resource={long}%00").as_bytes()).is_ok());
    }

    #[test]
    fn a_parameter_that_is_there_twice_is_refused() {
        assert!(Form::read(b"scope=1&scope=1").is_err());
        assert!(Form::read(b"resource=1&resource=1").is_ok(), "this one is ignored");
    }
}
