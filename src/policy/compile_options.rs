//! How a document is read.

use crate::config::policy_settings::DocumentReading;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompileOptions {
    /// What a missing `security` means.
    pub undeclared: Undeclared,
    /// What the author of the document writes.
    pub written_in: WrittenIn,
    /// The prefix of every path. `None` takes it from `servers`.
    pub base: Option<String>,
    /// The cookie that holds an access token: an `apiKey` scheme in this cookie carries a token.
    pub session_cookie: Option<String>,
    /// Paths that are served to `GET`, and public, where the document declares neither their `GET` nor their `HEAD`.
    pub pages: Vec<String>,
    /// A scheme that a setting takes out of the document, and what to do about an operation that names it.
    pub left_out: Option<(&'static str, &'static str)>,
    /// Whether an error is what OpenAPI allows but its author cannot mean: an alternative that another one makes
    /// superfluous, and an operation id that two operations have. The authors of other services' documents are not
    /// here to correct them.
    pub refuses_oversights: bool,
}

impl CompileOptions {
    /// Options for our own document: everything is declared, and paths have no prefix.
    pub(crate) fn own(session_cookie: &str) -> Self {
        Self {
            undeclared: Undeclared::Refuse,
            written_in: WrittenIn::Json,
            base: Some(String::new()),
            session_cookie: Some(session_cookie.to_owned()),
            pages: Vec::new(),
            left_out: None,
            refuses_oversights: true,
        }
    }

    /// Options for the document of another service.
    pub(crate) fn external(
        undeclared: Undeclared,
        base: Option<&str>,
        session_cookie: &str,
    ) -> Self {
        Self {
            undeclared,
            base: base.map(str::to_owned),
            session_cookie: Some(session_cookie.to_owned()),
            pages: Vec::new(),
            left_out: None,
            written_in: WrittenIn::Json,
            refuses_oversights: false,
        }
    }

    /// Options for the document of another service, as it is configured.
    pub(crate) fn configured(reading: &DocumentReading, session_cookie: &str) -> Self {
        let undeclared = match reading.undeclared_is_public {
            true => Undeclared::Public,
            false => Undeclared::Deny,
        };
        Self::external(undeclared, reading.base.as_deref(), session_cookie)
    }
}

/// What the author of a document writes: where a diagnostic says what to write, it is said in this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrittenIn {
    /// The attributes of handlers, from which utoipa makes the document.
    Rust,
    /// The document itself.
    Json,
}

/// What it means that neither an operation nor the root of the document has `security`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undeclared {
    /// An error of the document.
    Refuse,
    /// The operation is denied, and `Policy::undeclared` lists it.
    Deny,
    /// The operation is public.
    Public,
}
