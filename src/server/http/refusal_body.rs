//! The body of refusals in a type of the application's own.

use std::{
    any::type_name,
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use crate::server::http::problem::Problem;

/// Makes a body of the application's own of every [`Problem`].
#[derive(Clone, Copy)]
pub(crate) struct RefusalBody {
    type_name: fn() -> &'static str,
    to_json: fn(Problem) -> serde_json::Result<Vec<u8>>,
    /// The name of its schema.
    pub(crate) name: fn() -> Cow<'static, str>,
    /// Its schema, and those that it refers to.
    pub(crate) schemas: fn() -> Vec<(String, RefOr<Schema>)>,
}

impl RefusalBody {
    /// That of this type.
    pub(crate) fn of<B: From<Problem> + Serialize + ToSchema>() -> &'static Self {
        const {
            &Self {
                type_name: type_name::<B>,
                to_json: |problem| serde_json::to_vec(&B::from(problem)),
                name: B::name,
                schemas: || {
                    let mut schemas = vec![(B::name().into_owned(), B::schema())];
                    B::schemas(&mut schemas);
                    schemas
                },
            }
        }
    }

    /// The body as JSON; none if the application cannot make it, which the log tells.
    pub(crate) fn json(&self, problem: Problem) -> Option<Vec<u8>> {
        let (code, request_id) = (problem.code, problem.request_id.clone());
        let why = match catch_unwind(AssertUnwindSafe(|| (self.to_json)(problem))) {
            Ok(Ok(json)) => return Some(json),
            Ok(Err(error)) => format!("cannot be serialised: {error}"),
            Err(_) => "panicked".to_owned(),
        };
        log::error!(
            request_id = request_id.as_str(), deferred = true;
            "a refusal with the code {code:?} has the body of RFC 9457, because {} {why}",
            (self.type_name)()
        );
        None
    }
}

impl fmt::Debug for RefusalBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RefusalBody").field(&(self.type_name)()).finish()
    }
}
