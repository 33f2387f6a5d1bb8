//! The refusals that operations can answer with: they follow from `security` and the body, and nobody writes them.
//!
//! Must not know why a request is refused: it lists what `enforce` and the readers of bodies can say.

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::oauth::ErrorCode;
use crate::server::http::{
    code::Code,
    refusal::{OAuthError, Problem, Refusal, Shape},
};

/// What an operation's refusals depend on.
struct Facts {
    /// It reads credentials.
    protected: bool,
    /// Its `security` can be fulfilled in part, or by a cookie that another site's page made the browser send.
    forbids: bool,
    /// Its `security` takes API keys or passwords, which are hashed.
    hashes: bool,
    has_body: bool,
}

/// What an answer says in one shape: a description, and the detail of its example.
type Said = (&'static str, &'static str);

/// A status with which operations refuse.
struct Row {
    status: u16,
    name: &'static str,
    possible: fn(&Facts) -> bool,
    code: Code,
    problem: Said,
    oauth: Said,
}

const TOO_LARGE: Said = (
    "The body is larger than this operation takes.",
    "The body is larger than this operation takes.",
);
const FAULT: Said = (
    "A fault of the service itself. Its log says more.",
    "Something went wrong here. The log has more under this request_id.",
);
const FORBIDDEN: Said = (
    "Proven, but a role or scope is missing, or the cookie came with another site's request.",
    "This operation wants the roles: admin.",
);

const LIMITED: Said = (
    "Too many attempts from this address failed. An API key that was proven before is taken all the same.",
    "Too many attempts from this address failed. Try again in 2 s.",
);
const OVERLOADED: Said = (
    "More secrets wait to be checked than this service takes on.",
    "More secrets wait to be checked than this service takes on. Try again in 2 s.",
);

const ROWS: &[Row] = &[
    Row {
        status: 400,
        name: "BadRequest",
        possible: |facts| facts.protected || facts.has_body,
        code: Code::AmbiguousCredentials,
        problem: (
            "The request cannot be understood, or a credential is there twice.",
            "The header X-API-Key is there 2 times: send it once.",
        ),
        oauth: (
            "The request is malformed, or what it asks for is refused: `error` says which.",
            "The parameter token is missing from the form.",
        ),
    },
    Row {
        status: 401,
        name: "Unauthorized",
        possible: |facts| facts.protected,
        code: Code::MissingCredentials,
        problem: (
            "No credential, or a bad one.",
            "No credential was presented. Send Authorization: Bearer.",
        ),
        oauth: (
            "The client did not authenticate, or could not be authenticated.",
            "The client could not be authenticated.",
        ),
    },
    Row {
        status: 403,
        name: "Forbidden",
        possible: |facts| facts.forbids,
        code: Code::InsufficientScope,
        problem: FORBIDDEN,
        oauth: FORBIDDEN,
    },
    Row {
        status: 413,
        name: "PayloadTooLarge",
        possible: |facts| facts.has_body,
        code: Code::PayloadTooLarge,
        problem: TOO_LARGE,
        oauth: TOO_LARGE,
    },
    Row {
        status: 415,
        name: "UnsupportedMediaType",
        possible: |facts| facts.has_body,
        code: Code::UnsupportedMediaType,
        problem: ("The body is not JSON.", "Send the body as application/json."),
        oauth: ("The body is no form.", "Send the body as application/x-www-form-urlencoded."),
    },
    Row {
        status: 429,
        name: "TooManyRequests",
        possible: |facts| facts.hashes,
        code: Code::TooManyRequests,
        problem: LIMITED,
        oauth: LIMITED,
    },
    Row {
        status: 500,
        name: "InternalError",
        possible: |facts| facts.protected,
        code: Code::InternalError,
        problem: FAULT,
        oauth: FAULT,
    },
    Row {
        status: 503,
        name: "Overloaded",
        possible: |facts| facts.hashes,
        code: Code::Overloaded,
        problem: OVERLOADED,
        oauth: OVERLOADED,
    },
];

impl Row {
    fn name_in(&self, shape: Shape) -> String {
        match shape {
            Shape::Problem => self.name.to_owned(),
            Shape::OAuth => format!("OAuth{}", self.name),
        }
    }

    /// The Response Object.
    fn response(&self, shape: Shape) -> Value {
        let (description, detail) = match shape {
            Shape::Problem => self.problem,
            Shape::OAuth => self.oauth,
        };
        let refusal = Refusal::new(self.code, detail);
        let (media, schema, example) = match shape {
            Shape::Problem => (
                "application/problem+json",
                Problem::name(),
                json!(refusal.problem("f3Qk81LmXc0a")),
            ),
            Shape::OAuth => ("application/json", OAuthError::name(), json!(refusal.oauth_error())),
        };
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        let mut headers = json!({
            "Cache-Control": { "description": "`no-store`: the next answer can be another one." },
            "x-request-id": { "description": "Names this request in the log of the service." },
        });
        let more = match self.status {
            401 => Some((
                "WWW-Authenticate",
                "A challenge for every scheme that would do (RFC 9110 §11.6.1).",
            )),
            429 | 503 => {
                Some(("Retry-After", "In how many seconds to try again (RFC 9110 §10.2.3)."))
            }
            _ => None,
        };
        if let (Some((name, text)), Some(headers)) = (more, headers.as_object_mut()) {
            headers.insert(name.to_owned(), json!({ "description": text }));
        }
        json!({
            "description": description,
            "headers": headers,
            "content": { media: { "schema": schema, "example": example } },
        })
    }
}

/// Adds to an operation the refusals that its handler does not write; they lie in `components.responses`.
pub(crate) fn add(
    operation: &mut Map<String, Value>,
    security: &[Value],
    schemes: &Value,
    session_cookie: &str,
    shape: Shape,
) {
    let mut alternatives = security.iter().filter_map(Value::as_object);
    let facts = Facts {
        protected: !security.is_empty(),
        hashes: alternatives
            .clone()
            .flat_map(Map::keys)
            .filter_map(|name| schemes.get(name))
            .any(|scheme| hashes(scheme, session_cookie)),
        forbids: alternatives.any(|one| forbids(one, schemes)),
        has_body: operation.contains_key("requestBody"),
    };
    let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for row in ROWS.iter().filter(|row| (row.possible)(&facts)) {
        let reference = json!({ "$ref": format!("#/components/responses/{}", row.name_in(shape)) });
        answers.entry(row.status.to_string()).or_insert(reference);
    }
}

/// Whether a scheme carries a secret that is no token.
fn hashes(scheme: &Value, session_cookie: &str) -> bool {
    let says = |name: &str, text: &str| scheme.get(name).is_some_and(|said| said == text);
    match scheme.get("type").and_then(Value::as_str) {
        Some("apiKey") => !(says("in", "cookie") && says("name", session_cookie)),
        Some("http") => says("scheme", "basic"),
        _ => false,
    }
}

fn forbids(alternative: &Map<String, Value>, schemes: &Value) -> bool {
    let in_cookie =
        |name: &str| schemes.pointer(&format!("/{name}/in")).is_some_and(|place| place == "cookie");
    let demands = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
    alternative.len() > 1 || alternative.iter().any(|(name, list)| in_cookie(name) || demands(list))
}

/// What the added refusals refer to: a schema or response of every shape that an operation answers in.
pub(crate) fn components(shapes: &[Shape]) -> (Map<String, Value>, Map<String, Value>) {
    let mut schemas = Map::new();
    for shape in shapes {
        let (body, code) = match shape {
            Shape::Problem => (entry::<Problem>(), entry::<Code>()),
            Shape::OAuth => (entry::<OAuthError>(), entry::<ErrorCode>()),
        };
        schemas.extend([body, code]);
    }
    let each = shapes.iter().flat_map(|shape| ROWS.iter().map(|row| (row, *shape)));
    let responses = each.map(|(row, shape)| (row.name_in(shape), row.response(shape)));
    (schemas, responses.collect())
}

fn entry<S: ToSchema + PartialSchema>() -> (String, Value) {
    (S::name().into_owned(), serde_json::to_value(S::schema()).unwrap_or_default())
}
