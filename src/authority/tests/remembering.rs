//! Every way in which a remembered yes must become a no, at the very next question.

use std::time::Duration;

use super::*;

use crate::authority::token_cache::TokenCache;

impl Case {
    /// A token that was accepted twice, the second time from memory.
    fn remembered(&self, principal: &Principal) -> String {
        let token = self.token_of(principal);
        assert!(self.accepts(&token));
        let before = self.authority.token_cache();
        assert!(self.accepts(&token));
        let after = self.authority.token_cache();
        assert_eq!((after.hits, after.misses), (before.hits + 1, before.misses), "from memory");
        token
    }

    fn answer(&self, token: &str, now: Timestamp) -> Option<TokenError> {
        self.authority.authenticate_token(token, now).err()
    }
}

fn after(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

#[test]
fn time_ends_a_remembered_token() {
    let case = Case::new();
    let token = case.remembered(&case.client());
    assert_eq!(case.answer(&token, after(1799)), None);
    assert_eq!(case.answer(&token, after(1800)), Some(TokenError::Expired));
    let early = Timestamp::from_second(-11).unwrap();
    assert_eq!(case.answer(&token, early), Some(TokenError::NotYet));
}

#[test]
fn revoking_ends_a_remembered_token_and_no_other() {
    let case = Case::new();
    let (token, other) = (case.remembered(&case.client()), case.remembered(&case.client()));
    let caller = case.authority.authenticate_token(&token, START).unwrap();
    case.authority.revoke(&caller, START).unwrap();
    assert_eq!(case.answer(&token, START), Some(TokenError::Revoked));
    case.authority.revoke_token(&case.client(), &other.clone().into(), START).unwrap();
    assert_eq!(case.answer(&other, START), Some(TokenError::Revoked));
    assert!(case.accepts(&case.remembered(&case.client())));
}

#[test]
fn the_roster_ends_remembered_tokens_and_a_later_one_brings_them_back() {
    let case = Case::new();
    let (client, user) = (case.remembered(&case.client()), case.remembered(&case.alice()));
    let key = format!("id = \"{}\"", case.key.id());
    let disabled = "[clients.billing]\ndisabled = true";
    for (old, new, ends) in [
        (key.as_str(), "id = \"000000000000\"", &client),
        ("[clients.billing]", disabled, &client),
        ("clients.billing", "clients.renamed", &client),
        ("users.alice", "users.renamed", &user),
        ("[users.alice]", "[users.alice]\ndisabled = true", &user),
    ] {
        case.change(old, new);
        assert_eq!(case.answer(ends, START), Some(TokenError::Withdrawn), "{new}");
        case.change("", "");
        assert!(case.accepts(&client) && case.accepts(&user), "{new}");
    }
}

#[test]
fn a_token_allows_no_more_than_the_roster_does_now() {
    let mut case = Case::new();
    let all = "roles = ['admin', 'reader']\nscopes = ['a:b', 'c:d']\n";
    case.text = case.text.replace("roles = []\nscopes = [\"a:b\"]\n", all);
    case.change("", "");
    for name in ["billing", "alice"] {
        let token = case.remembered(&if name == "billing" { case.client() } else { case.alice() });
        let allowed = || {
            let principal = case.authority.authenticate_token(&token, START).unwrap();
            let roles: Vec<_> = principal.roles().iter().map(|role| role.as_str()).collect();
            format!("{} {}", roles.join(","), principal.scopes())
        };
        let before = allowed();
        assert_eq!(before, "admin,reader a:b c:d");
        for (new, left) in [
            ("roles = ['reader']\nscopes = ['a:b', 'c:d']\n", "reader a:b c:d"),
            ("roles = ['admin', 'reader']\nscopes = ['c:d']\n", "admin,reader c:d"),
            ("roles = ['other', 'reader']\nscopes = ['a:b', 'e:f']\n", "reader a:b"),
            ("\n", " "),
            (all, before.as_str()),
        ] {
            case.change(all, new);
            assert_eq!(allowed(), left, "{name}: {new}");
            // Unchanged as long as the roster is.
            let principal = || case.authority.authenticate_token(&token, START).unwrap();
            assert!(Arc::ptr_eq(&principal(), &principal()));
        }
    }
}

#[test]
fn a_key_that_expires_ends_its_remembered_tokens_though_nothing_is_reloaded() {
    let case = Case::new();
    let token = case.remembered(&case.client());
    let key = format!("id = \"{}\"", case.key.id());
    case.change(&key, &format!("{key}\nexpires = 1970-01-01T00:01:00Z"));
    assert_eq!(case.answer(&token, after(59)), None);
    assert_eq!(case.answer(&token, after(60)), Some(TokenError::Withdrawn));
}

#[test]
fn without_its_signing_key_a_token_is_worth_nothing() {
    let case = Case::new();
    let token = case.remembered(&case.client());
    let roster = Roster::parse(&case.text, "r.toml").unwrap().roster;
    let restarted = Authority::new(roster, tokens(&"y".repeat(32)), Revocations::default());
    assert_eq!(restarted.authenticate_token(&token, START), Err(TokenError::UnknownKey));
}

#[test]
fn a_token_with_another_end_is_another_token() {
    let case = Case::new();
    let token = case.remembered(&case.client());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let other = case.remembered(&case.client());
    let (_, other_signature) = other.rsplit_once('.').unwrap();
    for forged in [
        format!("{message}.{other_signature}"),
        format!("{message}A.{signature}"),
        format!("{message}.A{signature}"),
        signature.to_owned(),
        format!(".{signature}"),
    ] {
        assert!(case.authority.authenticate_token(&forged, START).is_err(), "{forged}");
    }
}

#[test]
fn a_remembered_key_is_asked_of_the_roster_at_every_login() {
    let case = Case::new();
    assert!(
        case.authority.authenticate_known_key(&case.key, None, START).is_none(),
        "never proven"
    );
    case.client();
    let recalled = || {
        case.authority
            .authenticate_known_key(&case.key, None, START)
            .is_some_and(|known| known.is_ok())
    };
    assert!(recalled());
    let key = format!("id = \"{}\"", case.key.id());
    for (old, new) in [
        (key.as_str(), "id = \"000000000000\"".to_owned()),
        (&key, format!("{key}\nexpires = 1970-01-01T00:00:00Z")),
        ("[clients.billing]", "[clients.billing]\ndisabled = true".to_owned()),
    ] {
        case.change(old, &new);
        assert!(!recalled(), "{new}");
        case.change("", "");
        assert!(recalled(), "{new}");
    }
}

#[test]
fn memory_is_bounded_in_bytes_and_what_is_forgotten_is_verified_again() {
    let mut case = Case::new();
    let bytes = 256 * 1024;
    case.authority.token_cache = TokenCache::of(bytes);
    let client = case.client();
    let tokens: Vec<String> = (0..400).map(|_| case.token_of(&client)).collect();
    assert!(tokens.iter().all(|token| case.accepts(token)));
    let used = case.authority.token_cache().bytes;
    assert!((bytes / 2..=bytes).contains(&used), "{used}");
    assert!(tokens.iter().all(|token| case.accepts(token)));
    let usage = case.authority.token_cache();
    assert!(usage.bytes <= bytes && usage.misses > 400, "{usage:?}");
}
