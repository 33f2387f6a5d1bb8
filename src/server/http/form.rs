//! The form bodies of OAuth2 endpoints (RFC 6749 §3.2, appendix B).

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use serde::de::{
    DeserializeOwned,
    value::{Error, MapDeserializer},
};
use utoipa::{PartialSchema, ToSchema};

use crate::server::http::{
    body::{Body, is_content_type},
    code::Code,
    refusal::Refusal,
};

/// The `pattern` of a parameter that must not hold control characters.
pub(crate) const NO_CONTROL_CHARACTERS: &str = r"^[^\x00-\x1f\x7f]*$";

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Parameters that are refused in the query, where they would end up in logs.
const BODY_ONLY: &[&str] =
    &["client_secret", "password", "token", "client_id", "username", "grant_type"];

/// A form as serde reads it: parameters that it does not know are ignored (RFC 6749 §3.2), even repeated ones (RFC
/// 8707 §2); its own may not be repeated, and empty ones count as left out.
pub(crate) struct Form<T>(pub(crate) T);

/// What a form may hold.
pub(crate) trait FormFields: DeserializeOwned + ToSchema + 'static {
    /// The limits that the schema documents: `FieldLimits::new::<Self>()`, made once.
    fn limits() -> &'static FieldLimits;
}

/// The limits of a form's parameters, as its schema documents them.
#[derive(Debug)]
pub(crate) struct FieldLimits(Vec<FieldLimit>);

#[derive(Debug)]
struct FieldLimit {
    name: String,
    max_length: usize,
    is_free_of_control_characters: bool,
}

impl FieldLimits {
    /// Reads the limits off the schema.
    pub(crate) fn new<T: PartialSchema>() -> Self {
        let schema = serde_json::to_value(T::schema()).unwrap_or_default();
        let fields = schema.get("properties").and_then(|properties| properties.as_object());
        let limit = |(name, field): (&String, &serde_json::Value)| FieldLimit {
            name: name.clone(),
            max_length: field
                .get("maxLength")
                .and_then(|length| length.as_u64()?.try_into().ok())
                .unwrap_or(usize::MAX),
            is_free_of_control_characters: field
                .get("pattern")
                .is_some_and(|pattern| pattern == NO_CONTROL_CHARACTERS),
        };
        Self(fields.into_iter().flatten().map(limit).collect())
    }

    fn check(&self, name: &str, value: &str) -> Result<(), Refusal> {
        let Some(limit) = self.0.iter().find(|limit| limit.name == name) else { return Ok(()) };
        let most = limit.max_length;
        if value.chars().count() > most {
            return Err(invalid(format!("The parameter {name} is longer than {most} characters.")));
        }
        if limit.is_free_of_control_characters && value.contains(|c: char| c.is_ascii_control()) {
            return Err(invalid(format!("The parameter {name} holds a control character.")));
        }
        Ok(())
    }
}

impl<T: FormFields> Form<T> {
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let mut parameters = Vec::new();
        for (name, value) in
            url::form_urlencoded::parse(body).filter(|(_, value)| !value.is_empty())
        {
            T::limits().check(&name, &value)?;
            parameters.push((name, value));
        }
        T::deserialize(MapDeserializer::new(parameters.into_iter()))
            .map(Self)
            .map_err(|error: Error| unreadable(&error.to_string()))
    }
}

impl<T: FormFields> FromRequest for Form<T> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_request(request);
        let body = Body::from_request(request, payload);
        Box::pin(async move {
            checked?;
            let Body(body) = body.await?;
            Self::parse(&body)
        })
    }
}

fn check_request(request: &HttpRequest) -> Result<(), Refusal> {
    for (name, _) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        if BODY_ONLY.contains(&name.as_ref()) {
            let detail = format!("Send {name} in the body: URLs end up in logs.");
            return Err(invalid(detail));
        }
    }
    if is_content_type(request, FORM) { Ok(()) } else { Err(Refusal::unsupported_media_type(FORM)) }
}

/// 400: the form is not what the operation takes.
pub(crate) fn unreadable(error: &str) -> Refusal {
    invalid(format!("The form cannot be read: {error}."))
}

fn invalid(detail: String) -> Refusal {
    Refusal::new(Code::InvalidRequest, detail)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, ToSchema)]
    struct Example {
        #[schema(max_length = 64, pattern = r"^[^\x00-\x1f\x7f]*$")]
        name: String,
        #[serde(default)]
        #[schema(max_length = 128)]
        secret: String,
    }

    impl FormFields for Example {
        fn limits() -> &'static FieldLimits {
            static LIMITS: LazyLock<FieldLimits> = LazyLock::new(FieldLimits::new::<Example>);
            &LIMITS
        }
    }

    fn parse(body: &str) -> Result<(String, String), String> {
        let form = Form::<Example>::parse(body.as_bytes()).map_err(|error| error.to_string());
        form.map(|Form(form)| (form.name, form.secret))
    }

    #[test]
    fn parameters_are_decoded_and_empty_ones_count_as_left_out() {
        assert_eq!(parse("name=a%5F1+b&secret="), Ok(("a_1 b".to_owned(), String::new())));
        assert!(parse("name=&secret=x").unwrap_err().contains("missing field `name`"));
    }

    #[test]
    fn documented_limits_are_enforced_and_unknown_parameters_have_none() {
        let long = "x".repeat(65);
        assert!(parse(&format!("name={long}")).unwrap_err().contains("longer than 64"));
        assert!(parse("name=a%00b").unwrap_err().contains("control character"));
        assert!(parse(&format!("name=a&secret={long}%00&resource={long}%00")).is_ok());
    }

    #[test]
    fn a_known_parameter_may_not_be_repeated_and_an_unknown_one_may() {
        assert!(parse("name=1&name=1").unwrap_err().contains("duplicate field `name`"));
        assert!(parse("name=1&resource=1&resource=1").is_ok());
    }
}
