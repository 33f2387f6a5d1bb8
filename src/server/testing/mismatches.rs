//! What an application answers otherwise than its document says.

use std::{error::Error, fmt};

use actix_web::http::StatusCode;

use crate::{
    diagnostics::printable,
    policy::{operation::Operation, outcome::Outcome, paths::is_same},
    server::routing::registered::template,
};

/// What was answered otherwise than the document says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatches(Vec<Mismatch>);

/// Requests for one operation that all fail in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mismatch {
    /// Method and path.
    operation: String,
    what: String,
    senders: Vec<String>,
}

/// What the document says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Refused(StatusCode),
    Passes,
}

/// What became of a request.
pub(super) enum Answer {
    /// The enforcement refused it.
    Refused(StatusCode),
    /// The enforcement let it pass, or was not asked.
    Passed {
        status: StatusCode,
        /// The path of the handler that answered, where one did.
        pattern: Option<String>,
        /// The handler asked for a principal, and there was none.
        lacks_principal: bool,
        /// The handler takes a type that the site does not make.
        lacks_source: bool,
    },
    /// It passed, and the handler panicked.
    Panicked,
}

impl From<Outcome> for Expected {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Challenged => Self::Refused(StatusCode::UNAUTHORIZED),
            Outcome::Forbidden => Self::Refused(StatusCode::FORBIDDEN),
            Outcome::Allowed => Self::Passes,
        }
    }
}

impl Mismatches {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what was answered wrongly for an operation, to `sender` if it is known.
    pub(super) fn add(&mut self, operation: &str, what: &str, sender: Option<String>) {
        let operation = printable(operation);
        let mut known = self.0.iter_mut();
        match known.find(|one| one.operation == operation && one.what == what) {
            Some(known) => known.senders.extend(sender),
            None => {
                let (what, senders) = (what.to_owned(), sender.into_iter().collect());
                self.0.push(Mismatch { operation, what, senders });
            }
        }
    }
}

impl fmt::Display for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the application does not answer as its document says")?;
        for Mismatch { operation, what, senders } in &self.0 {
            write!(f, "\n- {operation}: {what}")?;
            senders.iter().try_for_each(|sender| write!(f, "\n    {sender}"))?;
        }
        Ok(())
    }
}

impl Error for Mismatches {}

/// What is wrong with an answer to a request for `operation`, where the document has one.
pub(super) fn mismatch(
    operation: Option<&Operation>,
    is_registered: bool,
    expected: Expected,
    answer: &Answer,
) -> Option<String> {
    let is_of = |pattern: &str, operation: &Operation| is_same(&template(pattern), &operation.path);
    let what = match (expected, answer) {
        (Expected::Refused(documented), Answer::Refused(status)) if documented == *status => {
            return None;
        }
        (Expected::Refused(documented), Answer::Refused(status)) => {
            format!("the document says {}, the answer is {}", documented.as_u16(), status.as_u16())
        }
        (Expected::Refused(documented), Answer::Passed { status, .. }) => format!(
            "the document says {}, but it passes and is answered {}",
            documented.as_u16(),
            status.as_u16()
        ),
        (Expected::Refused(documented), Answer::Panicked) => format!(
            "the document says {}, but it passes, and the handler panics",
            documented.as_u16()
        ),
        (Expected::Passes, Answer::Refused(StatusCode::NOT_FOUND)) => {
            "the document lets it pass, but no handler is registered for it".to_owned()
        }
        (Expected::Passes, Answer::Refused(status)) => {
            format!("the document lets it pass, but it is refused with {}", status.as_u16())
        }
        (Expected::Passes, Answer::Panicked) => return None,
        (Expected::Passes, Answer::Passed { status, pattern, lacks_principal, lacks_source }) => {
            let operation = operation?;
            match (status.as_u16(), pattern) {
                (_, Some(pattern)) if !is_of(pattern, operation) => {
                    format!("the handler of {pattern} answers it")
                }
                (404 | 405, _) if !is_registered => {
                    "the document lets it pass, but no handler is registered for it".to_owned()
                }
                (401, _) if *lacks_principal => {
                    "the document lets it pass, but its handler needs a principal and \
                     answers 401: take `Option<Principal>`, or document what it needs"
                        .to_owned()
                }
                _ if *lacks_source => {
                    "the document lets it pass, but its handler takes a `Caller` that the site does not make and answers \
                     500: build the site with `.principal_as`"
                        .to_owned()
                }
                _ => return None,
            }
        }
    };
    Some(what)
}
