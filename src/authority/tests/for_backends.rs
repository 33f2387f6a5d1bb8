//! Tokens for backends: when one is remembered, when a new one is issued, and what ends them.

use std::time::Duration;

use super::*;

use crate::{
    authority::{issue_request::IssueError, recent_tokens::RecentTokens},
    tokens::access_tokens::IssuedToken,
};

impl Case {
    /// What the backend gets at `now`.
    fn backend_token(&self, of: &Arc<Principal>, now: Timestamp) -> Arc<IssuedToken> {
        let recent = self.authority.recent_backend_token(of, now);
        recent.unwrap_or_else(|| self.authority.issue_backend_token(of, now).unwrap())
    }

    fn who(&self, token: &IssuedToken) -> Result<Arc<Principal>, TokenError> {
        self.authority.authenticate_token(token.token.expose_secret(), START)
    }
}

fn after(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn role(case: &mut Case, roles: &str) {
    case.text = case.text.replace("roles = []", &format!("roles = {roles}"));
    case.change("", "");
}

#[test]
fn a_token_is_remembered_for_a_minute() {
    let case = Case::new();
    let of = Arc::new(case.client());
    let id = |seconds| case.backend_token(&of, after(seconds)).id.clone();
    let first = id(100);
    assert_eq!([id(100), id(130), id(159)], [first.as_str(); 3]);
    let second = id(160);
    assert_ne!(second, first);
    assert_eq!(id(219), second);
    assert_ne!(id(130), second, "after the clock was put back");
}

#[test]
fn a_token_lives_five_minutes_and_never_longer_than_the_credential_or_any_token() {
    let mut case = Case::new();
    let lives = |case: &Case, of: Principal| case.backend_token(&Arc::new(of), START).expires_at;
    assert_eq!(lives(&case, case.client()), after(300));
    let token = case.authority.authenticate_token(&case.token_of(&case.alice()), START).unwrap();
    assert_eq!(token.expires_at(), Some(after(1800)));
    let late = after(1700);
    let of = case.authority.issue_backend_token(&token, late).unwrap();
    assert_eq!(of.expires_at, after(1800));
    let key = format!("id = \"{}\"", case.key.id());
    case.change(&key, &format!("{key}\nexpires = 1970-01-01T00:00:20Z"));
    assert_eq!(lives(&case, case.client()), after(20));
    case.change("", "");
    case.authority.tokens.lifetime = Duration::from_secs(20);
    let of = Arc::new(case.client());
    let first = case.backend_token(&of, START);
    assert_eq!(first.expires_at, after(20));
    assert_eq!(case.backend_token(&of, after(9)).id, first.id);
    assert_ne!(case.backend_token(&of, after(10)).id, first.id, "half of its life is over");
}

#[test]
fn it_says_what_the_principal_has_now() {
    let mut case = Case::new();
    role(&mut case, "['reader']");
    for of in [case.client(), case.alice()] {
        let told = case.who(&case.backend_token(&Arc::new(of.clone()), START)).unwrap();
        assert!(told.is_same_as(&of) && told.kind() == of.kind());
        assert_eq!((told.roles(), told.scopes()), (of.roles(), of.scopes()));
        assert_eq!((told.client_id(), told.key_id()), (of.client_id(), of.key_id()));
    }
    let before = case.backend_token(&Arc::new(case.client()), START);
    case.change("roles = ['reader']", "roles = ['reader', 'admin']");
    let now = case.backend_token(&Arc::new(case.client()), START);
    assert_ne!(before.id, now.id);
    assert_eq!(case.who(&now).unwrap().roles().len(), 2);
    let through = Arc::new(case.alice().through(&case.client()));
    let told = case.who(&case.backend_token(&through, START)).unwrap();
    assert_eq!((told.subject(), told.client_id()), ("alice", Some("billing")));
}

#[test]
fn a_reload_and_a_revocation_end_what_is_remembered() {
    let case = Case::new();
    let of = Arc::new(case.alice());
    let first = case.backend_token(&of, START);
    case.authority.revoke(&case.who(&first).unwrap(), START).unwrap();
    let second = case.backend_token(&of, START);
    assert_ne!(first.id, second.id);
    assert_eq!(case.who(&first), Err(TokenError::Revoked));
    assert!(case.who(&second).is_ok());
    // Added again a second later: what was issued before is not of that user.
    let text = case.text.replace("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z");
    case.authority.reload(Roster::parse(&text, "r.toml"), START).unwrap();
    assert_eq!(case.who(&second), Err(TokenError::Withdrawn));
    let third = case.backend_token(&Arc::new(case.alice()), after(2));
    assert_ne!(third.id, second.id);
    assert!(case.authority.authenticate_token(third.token.expose_secret(), after(2)).is_ok());
}

#[test]
fn the_end_of_a_token_is_the_end_of_all_that_were_issued_for_it() {
    let case = Case::new();
    let authenticated = |text: &str| case.authority.authenticate_token(text, START).unwrap();
    let chain = || {
        let presented = authenticated(&case.token_of(&case.client()));
        let first = case.backend_token(&presented, START);
        let second = case.backend_token(&case.who(&first).unwrap(), START);
        let third = case.backend_token(&case.who(&second).unwrap(), START);
        (presented, [first, second, third])
    };
    let refused = |tokens: &[Arc<IssuedToken>]| {
        tokens.iter().map(|token| case.who(token).is_err()).collect::<Vec<_>>()
    };
    let (presented, tokens) = chain();
    assert_eq!(refused(&tokens), [false; 3]);
    case.authority.revoke(&presented, START).unwrap();
    assert_eq!(refused(&tokens), [true; 3]);
    let (presented, tokens) = chain();
    case.authority.revoke(&case.who(&tokens[1]).unwrap(), START).unwrap();
    assert_eq!(refused(&tokens), [false, true, true]);
    assert_eq!(case.backend_token(&presented, START).id, tokens[0].id);
    case.change(&format!("id = \"{}\"", case.key.id()), "id = \"000000000000\"");
    assert_eq!(refused(&tokens), [true; 3]);
}

#[test]
fn the_token_of_an_external_subject_is_never_that_of_ours() {
    let case = Case::new();
    for name in ["alice", "billing", "somebody else"] {
        let of = Arc::new(Principal::external_for_tests("corp", name, &["a:b"]));
        let issued = case.backend_token(&of, START);
        assert_eq!(case.who(&issued), Err(TokenError::ExternalSubject));
        assert_eq!(case.backend_token(&of, START).id, issued.id);
        let other = Arc::new(Principal::external_for_tests("other", name, &["a:b"]));
        assert_ne!(case.backend_token(&other, START).id, issued.id);
    }
}

#[test]
fn what_does_not_fit_into_a_token_is_an_error() {
    let case = Case::new();
    let roles: Vec<String> = (0..100).map(|at| format!("{at:0100}")).collect();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let of = Arc::new(Principal::for_tests("billing", &roles, &[]));
    let refused = case.authority.issue_backend_token(&of, START);
    assert!(matches!(refused, Err(IssueError::TooLong(_))), "{refused:?}");
}

#[test]
fn memory_is_bounded_in_bytes_and_what_is_forgotten_is_issued_again() {
    let mut case = Case::new();
    let bytes = 64 * 1024;
    case.authority.recent_tokens = RecentTokens::of(bytes);
    let name = |at: usize| Principal::for_tests(&format!("c{at}"), &["reader"], &["a:b"]);
    for at in 0..200 {
        case.backend_token(&Arc::new(name(at)), START);
    }
    let used = case.authority.backend_token_cache().bytes;
    assert!((bytes / 2..=bytes).contains(&used), "{used}");
}

#[test]
fn nothing_shows_the_tokens() {
    let case = Case::new();
    let issued = case.backend_token(&Arc::new(case.client()), START);
    let shown = format!("{issued:?} {:?}", case.authority);
    assert!(!shown.contains(issued.token.expose_secret()), "{shown}");
}
