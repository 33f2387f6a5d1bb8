//! The refusals that an operation can answer with: they follow from its requirement and its body.

use std::{collections::BTreeSet, time::Duration};

use actix_web::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    oauth::ErrorCode,
    policy::requirement::Requirement,
    server::http::{
        code::Code,
        form::{self, FORM},
        problem::Problem,
        refusal::{OAuthError, Refusal, Shape},
        refusal_body::RefusalBody,
    },
};

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// A request id, for examples.
const REQUEST_ID: &str = "f3Qk81LmXc0a";

/// What the refusals of an operation depend on.
struct Operation<'o> {
    requirement: &'o Requirement,
    has_body: bool,
    /// Whether only the statuses are sent that proxies understand.
    is_for_proxies: bool,
    /// Whether the application may refuse every principal.
    denies: bool,
}

/// A refusal that operations can answer with.
struct PossibleRefusal {
    name: &'static str,
    /// Whether a handler can answer with this status too, so that the document may describe both.
    is_shared: bool,
    is_possible: fn(&Operation<'_>) -> bool,
    description: fn(Shape) -> &'static str,
    example: fn(Shape) -> Refusal,
}

const POSSIBLE: &[PossibleRefusal] = &[
    PossibleRefusal {
        name: "BadRequest",
        is_shared: true,
        is_possible: |operation| {
            !operation.is_for_proxies
                && (operation.requirement.is_protected() || operation.has_body)
        },
        description: |shape| match shape {
            Shape::Problem => "The request cannot be understood, or a credential is there twice.",
            Shape::OAuth => {
                "The request is malformed, or what it asks for is refused: `error` says which."
            }
        },
        example: |shape| match shape {
            Shape::Problem => Refusal::filled_repeatedly("header", "Authorization", 2),
            Shape::OAuth => form::unreadable("missing field `token`"),
        },
    },
    PossibleRefusal {
        name: "Unauthorized",
        is_shared: false,
        is_possible: |operation| operation.requirement.is_protected(),
        description: |shape| match shape {
            Shape::Problem => "No credential, or an invalid one.",
            Shape::OAuth => "The client did not authenticate, or could not be authenticated.",
        },
        example: |_| {
            Refusal::missing_credentials("No credential was presented.", "Authorization: Bearer")
        },
    },
    PossibleRefusal {
        name: "Forbidden",
        is_shared: false,
        is_possible: |operation| {
            operation.is_for_proxies
                || operation.requirement.can_forbid()
                || operation.denies && operation.requirement.is_protected()
        },
        description: |_| "Authenticated, but a role or scope is missing, or the cookie came with a request of another site.",
        example: |_| Refusal::insufficient("roles", "admin"),
    },
    PossibleRefusal {
        name: "PayloadTooLarge",
        is_shared: true,
        is_possible: |operation| operation.has_body,
        description: |_| "The body is larger than this operation takes.",
        example: |_| Refusal::from_status(StatusCode::PAYLOAD_TOO_LARGE),
    },
    PossibleRefusal {
        name: "UnsupportedMediaType",
        is_shared: true,
        is_possible: |operation| operation.has_body,
        description: |shape| match shape {
            Shape::Problem => "The body is not JSON.",
            Shape::OAuth => "The body is not a form.",
        },
        example: |shape| match shape {
            Shape::Problem => Refusal::from_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Shape::OAuth => Refusal::unsupported_media_type(FORM),
        },
    },
    PossibleRefusal {
        name: "TooManyRequests",
        is_shared: false,
        is_possible: |operation| operation.requirement.hashes_secrets(),
        description: |_| "Too many attempts from this address, or for this user name, failed; an API key or password that was verified before is accepted all the same. Or one client or user gets too many tokens.",
        example: |_| Refusal::too_many_requests(Duration::from_secs(2)),
    },
    PossibleRefusal {
        name: "InternalError",
        is_shared: true,
        is_possible: |operation| !operation.is_for_proxies && operation.requirement.is_protected(),
        description: |_| "An error of the service itself. Its log says more.",
        example: |_| Refusal::internal(String::new()),
    },
    PossibleRefusal {
        name: "Overloaded",
        is_shared: false,
        is_possible: |operation| operation.requirement.hashes_secrets(),
        description: |_| "More secrets are waiting to be checked than this service takes, or the state that replicas share is out of reach.",
        example: |_| Refusal::overloaded(Duration::from_secs(2)),
    },
    PossibleRefusal {
        name: "Unavailable",
        is_shared: false,
        is_possible: |operation| {
            operation.requirement.is_protected() && !operation.requirement.hashes_secrets()
        },
        description: |_| "The state that replicas share is out of reach.",
        example: |_| Refusal::revocations_unknown(),
    },
];

impl PossibleRefusal {
    fn name_in(&self, shape: Shape) -> String {
        match shape {
            Shape::Problem => self.name.to_owned(),
            Shape::OAuth => format!("OAuth{}", self.name),
        }
    }

    /// The body in the application's own shape; none if the application cannot make it.
    fn own_body(&self, own: &RefusalBody) -> Option<Value> {
        content(own, (self.example)(Shape::Problem).problem(REQUEST_ID))
    }

    /// The Response Object.
    fn response(&self, shape: Shape, own: Option<&RefusalBody>) -> Value {
        let refusal = (self.example)(shape);
        let content = match shape {
            Shape::Problem => own.and_then(|own| self.own_body(own)).unwrap_or_else(|| {
                let example = json!(refusal.problem(REQUEST_ID));
                body(PROBLEM, &Problem::name(), &example)
            }),
            Shape::OAuth => body(JSON, &OAuthError::name(), &json!(refusal.oauth_error())),
        };
        let mut headers = json!({
            "Cache-Control": { "description": "`no-store`: the next answer can differ." },
            "x-request-id": { "description": "Identifies this request in the log of the service." },
        });
        let more = match refusal.code.status().as_u16() {
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
            "description": (self.description)(shape),
            "headers": headers,
            "content": content,
        })
    }
}

/// Adds the refusals of the operation as references to `components.responses`, and returns the names that it refers to.
/// They replace what the operation declares for statuses that only hallpass answers with; other answers that it
/// declares get the body of the refusal beside their own.
pub(crate) fn add(
    operation: &mut Map<String, Value>,
    is_for_proxies: bool,
    requirement: &Requirement,
    shape: Shape,
    denies: bool,
    own: Option<&RefusalBody>,
) -> BTreeSet<String> {
    let has_body = operation.contains_key("requestBody");
    let facts = Operation { requirement, has_body, is_for_proxies, denies };
    let mut names = BTreeSet::new();
    let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return names;
    };
    for refusal in POSSIBLE.iter().filter(|refusal| (refusal.is_possible)(&facts)) {
        let status = (refusal.example)(shape).code.status().as_u16().to_string();
        let name = refusal.name_in(shape);
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        match answers.get_mut(&status) {
            Some(theirs) if refusal.is_shared && *theirs != reference => {
                add_body(theirs, &refusal.response(shape, own));
            }
            _ => {
                answers.insert(status, reference);
                names.insert(name);
            }
        }
    }
    names
}

/// Adds the body of our Response Object to one of an application; what a reference leads to may be used elsewhere, and
/// stays.
fn add_body(theirs: &mut Value, ours: &Value) {
    let theirs = theirs.as_object_mut().filter(|theirs| !theirs.contains_key("$ref"));
    let bodies = theirs.map(|theirs| theirs.entry("content").or_insert_with(|| json!({})));
    let bodies = bodies.and_then(Value::as_object_mut);
    if let (Some(bodies), Some(Value::Object(ours))) = (bodies, ours.get("content").cloned()) {
        for (media_type, body) in ours {
            match bodies.get_mut(&media_type) {
                Some(theirs) => add_schema(theirs, &body),
                None => drop(bodies.insert(media_type, body)),
            }
        }
    }
}

/// Has a Media Type Object of an application also take our body.
fn add_schema(theirs: &mut Value, ours: &Value) {
    let (Some(theirs), Some(ours)) = (theirs.get_mut("schema"), ours.get("schema")) else { return };
    let alternatives = theirs.get("anyOf").and_then(Value::as_array);
    if theirs != ours && !alternatives.is_some_and(|all| all.contains(ours)) {
        *theirs = json!({ "anyOf": [theirs.take(), ours] });
    }
}

/// Has hallpass' own operations say refusals by the application's own body, where they declare some themselves.
pub(crate) fn say_by(own: &RefusalBody, document: &mut Map<String, Value>) {
    let items = document.get_mut("paths").and_then(Value::as_object_mut);
    let operations = items.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    let operations = operations.flat_map(Map::values_mut);
    let responses = operations.filter_map(|one| one.get_mut("responses")?.as_object_mut());
    let mut are_all_said = true;
    for content in responses.flat_map(Map::values_mut).filter_map(|one| one.get_mut("content")) {
        let Some(example) = content.get(PROBLEM).and_then(|body| body.get("example")) else {
            continue;
        };
        let problem = Problem::deserialize(example).ok();
        match problem.and_then(|problem| self::content(own, problem)) {
            Some(said) => *content = said,
            None => are_all_said = false,
        }
    }
    let schemas = document.get_mut("components").and_then(|all| all.get_mut("schemas"));
    if let Some(schemas) = schemas.and_then(Value::as_object_mut).filter(|_| are_all_said) {
        schemas.retain(|name, _| *name != Problem::name() && *name != Code::name());
    }
}

/// The Content Object of this problem, in the application's own shape; none if the application cannot make it.
fn content(own: &RefusalBody, problem: Problem) -> Option<Value> {
    let example = serde_json::from_slice(&own.json(problem)?).ok()?;
    Some(body(JSON, &(own.name)(), &example))
}

/// A Content Object.
fn body(media_type: &str, schema: &str, example: &Value) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    json!({ media_type: { "schema": schema, "example": example } })
}

/// What the added refusals refer to, in every shape that an operation answers in: schemas and responses.
pub(crate) fn components(
    shapes: &BTreeSet<Shape>,
    own: Option<&RefusalBody>,
) -> (Map<String, Value>, Map<String, Value>) {
    let mut schemas = Map::new();
    let is_said = |own| POSSIBLE.iter().all(|refusal| refusal.own_body(own).is_some());
    for shape in shapes {
        match shape {
            Shape::Problem if own.is_some_and(is_said) => {}
            Shape::Problem => schemas.extend([entry::<Problem>(), entry::<Code>()]),
            Shape::OAuth => schemas.extend([entry::<OAuthError>(), entry::<ErrorCode>()]),
        }
    }
    for (name, schema) in own.into_iter().flat_map(|own| (own.schemas)()) {
        schemas.insert(name, serde_json::to_value(schema).unwrap_or_default());
    }
    let each = shapes.iter().flat_map(|shape| POSSIBLE.iter().map(|refusal| (refusal, *shape)));
    let responses =
        each.map(|(refusal, shape)| (refusal.name_in(shape), refusal.response(shape, own)));
    (schemas, responses.collect())
}

fn entry<S: ToSchema + PartialSchema>() -> (String, Value) {
    (S::name().into_owned(), serde_json::to_value(S::schema()).unwrap_or_default())
}
