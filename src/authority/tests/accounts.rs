//! Tokens for accounts of the application: what they allow, what ends them, and that nobody else's name does.

use std::time::{Duration, SystemTime};

use super::*;

use crate::{
    authority::{
        account::{Account, AccountError, AccountStatus},
        issue_request::IssueError,
        token_holder::TokenHolder,
    },
    oauth::Role,
    tokens::claims::VerifiedAccountToken,
};

fn after(milliseconds: u64) -> Timestamp {
    START + Duration::from_millis(milliseconds)
}

fn system(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

fn status() -> AccountStatus {
    AccountStatus::new().roles(["admin", "reader"]).unwrap().scopes(["a:b", "c:d"]).unwrap()
}

fn alice() -> Account {
    Account::new("alice").unwrap()
}

impl Case {
    fn issue_at(&self, status: &AccountStatus, now: Timestamp) -> Result<String, AccountError> {
        let issued = self.authority.issue_to_account(&alice(), status, now)?;
        Ok(issued.token.expose_secret().to_owned())
    }

    fn account_token(&self, token: &str, now: Timestamp) -> Arc<VerifiedAccountToken> {
        match self.authority.token_holder(token, now) {
            Ok(TokenHolder::Account(token)) => token,
            other => panic!("{other:?}"),
        }
    }

    /// The principal that the token of the account is for, if its status is this.
    fn admit(&self, token: &str, status: Option<&AccountStatus>) -> Result<Principal, TokenError> {
        self.authority.admit_account(&self.account_token(token, START), status)
    }
}

#[test]
fn a_token_for_an_account_allows_what_the_account_has_now_and_the_token_says() {
    let case = Case::new();
    let token = case.issue_at(&status(), START).unwrap();
    let allowed = |status: AccountStatus| {
        let principal = case.admit(&token, Some(&status)).unwrap();
        let roles: Vec<_> = principal.roles().iter().map(Role::as_str).collect();
        format!("{} {}", roles.join(","), principal.scopes())
    };
    assert_eq!(allowed(status()), "admin,reader a:b c:d");
    assert_eq!(allowed(status().roles(["reader", "new"]).unwrap()), "reader a:b c:d");
    assert_eq!(allowed(AccountStatus::new().scopes(["c:d", "e:f"]).unwrap()), " c:d");
    assert_eq!(allowed(AccountStatus::new()), " ");
    let narrow = alice().roles(["reader"]).unwrap().scopes(["c:d"]).unwrap();
    let narrow = case.authority.issue_to_account(&narrow, &status(), START).unwrap();
    let narrow = case.admit(narrow.token.expose_secret(), Some(&status())).unwrap();
    assert_eq!((narrow.roles().len(), narrow.scopes().to_string()), (1, "c:d".to_owned()));
}

#[test]
fn a_token_carries_the_claims_of_the_application_to_everybody_behind_it() {
    let case = Case::new();
    let account = alice().claim("plan", "pro").unwrap().claim("seats", 3).unwrap();
    let issued = case.authority.issue_to_account(&account, &status(), START).unwrap();
    let principal = Arc::new(case.admit(issued.token.expose_secret(), Some(&status())).unwrap());
    let backend = case.authority.issue_backend_token(&principal, START).unwrap();
    let backend = case.admit(backend.token.expose_secret(), Some(&status())).unwrap();
    for principal in [&*principal, &backend] {
        assert_eq!(principal.claim::<String>("plan").as_deref(), Some("pro"));
        assert_eq!(
            (principal.claim::<u8>("seats"), principal.claim::<u8>("plan")),
            (Some(3), None)
        );
    }
    for name in ["sub", "roles", "key_id", "client_id", "exp"] {
        assert!(alice().claim(name, "x").is_err(), "{name}");
    }
    let long = alice().claim("long", "x".repeat(10_000)).unwrap();
    let long = case.authority.issue_to_account(&long, &status(), START);
    assert!(matches!(long, Err(AccountError::Signing(_))));
}

#[test]
fn a_token_ends_with_its_account() {
    let case = Case::new();
    let token = case.issue_at(&status(), after(2000)).unwrap();
    for (ends, status) in [
        (false, Some(status())),
        (true, None),
        (true, Some(status().disabled(true))),
        (false, Some(status().disabled(false))),
        (false, Some(status().valid_since(system(2000)))),
        (true, Some(status().valid_since(system(2001)))),
        (true, Some(status().valid_since(system(3000)))),
    ] {
        let principal = case.admit(&token, status.as_ref());
        assert_eq!(principal.err(), ends.then_some(TokenError::Withdrawn), "{status:?}");
    }
    let principal = case.admit(&token, Some(&status())).unwrap();
    case.authority.revoke(&principal, START).unwrap();
    assert_eq!(case.authority.token_holder(&token, START).unwrap_err(), TokenError::Revoked);
}

#[test]
fn a_token_of_the_second_of_valid_since_counts_as_older_or_younger_as_it_was() {
    let case = Case::new();
    let before = case.issue_at(&status(), after(200)).unwrap();
    let known = status().valid_since(system(500));
    let later = case.issue_at(&known, after(800)).unwrap();
    assert_eq!(case.admit(&before, Some(&known)), Err(TokenError::Withdrawn));
    assert!(case.admit(&later, Some(&known)).is_ok());
    // By a clock that is ahead, and by one that is wrong.
    let ahead = status().valid_since(system(10_500));
    assert!(case.issue_at(&ahead, after(600)).is_ok());
    let early = case.issue_at(&ahead, after(400));
    assert!(matches!(early, Err(AccountError::Disabled(_))));
}

#[test]
fn no_token_is_issued_beyond_the_account() {
    let case = Case::new();
    let issue = |account: Account, status: &AccountStatus| {
        case.authority.issue_to_account(&account, status, START).map(drop)
    };
    let id = alice().id().clone();
    let not_granted = |what: &str| Err(AccountError::NotGranted(what.to_owned()));
    assert_eq!(issue(alice(), &status()), Ok(()));
    assert_eq!(issue(alice(), &status().disabled(true)), Err(AccountError::Disabled(id)));
    assert_eq!(issue(alice().roles(["reader", "root"]).unwrap(), &status()), not_granted("root"));
    let both = alice().roles(["root"]).unwrap().scopes(["a:b", "x:y"]).unwrap();
    assert_eq!(issue(both, &status()), not_granted("root x:y"));
    let longest = Duration::from_secs(1800);
    assert_eq!(issue(alice().lifetime(longest), &status()), Ok(()));
    let longer = alice().lifetime(longest + Duration::from_secs(1));
    assert_eq!(issue(longer, &status()), Err(AccountError::Lifetime(longest)));
    let short = alice().lifetime(Duration::from_secs(5));
    let short = case.authority.issue_to_account(&short, &status(), START).unwrap();
    assert_eq!(short.expires_at, after(5000));
}

#[test]
fn an_account_is_nobody_of_the_roster_and_nobody_of_an_issuer() {
    let case = Case::new();
    let user = case.alice();
    let token = case.issue_at(&status(), START).unwrap();
    assert_eq!(case.authority.authenticate_token(&token, START), Err(TokenError::Account));
    let account = case.admit(&token, Some(&status())).unwrap();
    assert_eq!((account.subject(), account.kind()), ("alice", PrincipalKind::Account));
    assert_eq!(account.account().unwrap().as_str(), "alice");
    assert_eq!((account.ours(), account.issuer(), account.client_id()), (None, None, None));
    assert_eq!(
        (account.sub(), account.told_subject()),
        ("account/alice".into(), "account/alice".into())
    );
    assert_eq!((user.sub(), user.account()), ("alice".into(), None));
    let external = Principal::external_for_tests("corp", "alice", &[]);
    assert_eq!(external.sub(), "corp:alice");
    let again = case.admit(&case.issue_at(&status(), START).unwrap(), Some(&status())).unwrap();
    assert!(account.is_same_as(&again) && user.is_same_as(&user) && external.is_same_as(&external));
    for other in [&user, &external] {
        assert!(!account.is_same_as(other) && !other.is_same_as(&account));
    }
    // Neither through a client, nor as one, nor to get other tokens.
    let through = account.clone().through(&case.client());
    assert_eq!(through, account);
    assert_eq!(user.clone().through(&account), user);
    let issued = case.authority.issue(&account, IssueRequest::default(), START);
    assert_eq!(issued.unwrap_err(), IssueError::Foreign);
    let revoked = case.authority.revoke_token(&case.client(), &token.clone().into(), START);
    assert_eq!(revoked, Err(RevokeError::NotYours));
    assert!(case.admit(&token, Some(&status())).is_ok());
}

#[test]
fn a_remembered_token_stays_that_of_the_account_whatever_the_roster_says() {
    let case = Case::new();
    let token = case.issue_at(&status(), START).unwrap();
    for _ in 0..2 {
        assert_eq!(case.account_token(&token, START).subject().id().as_str(), "alice");
        case.change("users.alice", "users.renamed");
        case.change("", "");
    }
    let late = case.authority.token_holder(&token, after(1_800_000));
    assert_eq!(late.unwrap_err(), TokenError::Expired);
}

#[test]
fn the_token_for_a_backend_of_an_account_ends_with_the_account_and_with_its_token() {
    let case = Case::new();
    let token = case.issue_at(&status(), START).unwrap();
    let account = Arc::new(case.admit(&token, Some(&status())).unwrap());
    let issued = case.authority.issue_backend_token(&account, START).unwrap();
    let backend = issued.token.expose_secret();
    let told = case.admit(backend, Some(&status())).unwrap();
    assert!(told.is_same_as(&account) && told.roles() == account.roles());
    assert_eq!(case.admit(backend, None), Err(TokenError::Withdrawn));
    case.authority.revoke(&account, START).unwrap();
    assert_eq!(case.authority.token_holder(backend, START).unwrap_err(), TokenError::Revoked);
}
