//! A document before it is completed.

use serde_json::Value;

use crate::{
    policy::compile_options::WrittenIn,
    server::http::{own_routes::OwnPaths, refusal_body::RefusalBody},
};

/// A document before it is completed, and what has to be known of it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) document: Value,
    /// Where hallpass' own routes are.
    pub(crate) own: OwnPaths,
    pub(crate) written_in: WrittenIn,
    /// Whether the application may refuse principals that meet the requirement of its operations.
    pub(crate) denies: bool,
    /// The application's own body of refusals.
    pub(crate) refusals: Option<&'static RefusalBody>,
}
