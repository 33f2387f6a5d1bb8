//! How the backend is told who sent a request: headers of the answer that the proxy copies.

use std::fmt::Write;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::principal::{Principal, PrincipalKind};

const SUBJECT: HeaderName = HeaderName::from_static("x-hallpass-subject");
const ISSUER: HeaderName = HeaderName::from_static("x-hallpass-issuer");
const KIND: HeaderName = HeaderName::from_static("x-hallpass-kind");
const CLIENT_ID: HeaderName = HeaderName::from_static("x-hallpass-client-id");
const ROLES: HeaderName = HeaderName::from_static("x-hallpass-roles");
const SCOPE: HeaderName = HeaderName::from_static("x-hallpass-scope");
const TOKEN: HeaderName = HeaderName::from_static("x-hallpass-token");

/// Sets all identity headers, empty where there is nothing to say: a proxy then overwrites whatever the client sent
/// under these names. The issuer is the roster's name of another issuer, and empty where we are the issuer. The token is
/// told where there is a value for it.
pub(super) fn tell(
    principal: Option<&Principal>,
    token: Option<HeaderValue>,
    headers: &mut HeaderMap,
) {
    let kind = principal.map(|principal| match principal.kind() {
        PrincipalKind::Client => "client",
        PrincipalKind::User => "user",
        PrincipalKind::Account => "account",
    });
    let subject = principal.map(Principal::told_subject);
    let roles = principal.map(|known| joined(known.roles().iter().map(|role| role.as_str())));
    let scope = principal.map(|known| joined(known.scopes().iter().map(|scope| scope.as_str())));
    let issuer = principal.and_then(Principal::issuer).map(|issuer| issuer.as_str());
    for (name, text) in [
        (SUBJECT, subject.as_deref()),
        (ISSUER, issuer),
        (KIND, kind),
        (CLIENT_ID, principal.and_then(Principal::client_id)),
        (ROLES, roles.as_deref()),
        (SCOPE, scope.as_deref()),
    ] {
        let value = text.and_then(|text| HeaderValue::from_str(text).ok());
        headers.insert(name, value.unwrap_or(HeaderValue::from_static("")));
    }
    if let Some(token) = token {
        headers.insert(TOKEN, token);
    }
}

fn joined<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut text = String::new();
    for word in words {
        let space = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{space}{word}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_told_under_a_name_that_nobody_else_has() {
        let told = |principal: &Principal| {
            let mut headers = HeaderMap::new();
            tell(Some(principal), None, &mut headers);
            [SUBJECT, ISSUER, KIND, CLIENT_ID]
                .map(|name| headers.get(name).unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(
            told(&Principal::account_for_tests("alice")),
            ["account/alice", "", "account", ""]
        );
        assert_eq!(
            told(&Principal::for_tests("alice", &[], &[])),
            ["alice", "", "client", "alice"]
        );
        let external = Principal::external_for_tests("corp", "alice", &[]);
        assert_eq!(told(&external), ["alice", "corp", "user", ""]);
    }
}
