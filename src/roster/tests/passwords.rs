//! Verification of passwords.

use jiff::Timestamp;

use super::COST;
use super::demo;
use super::name;
use super::now;
use super::roles;
use super::scopes;
use crate::roster::roster::Roster;
use crate::roster::roster_entries::RosterEntries;

use crate::roster::{
    roster_entries::User,
    secret_cache::SecretCache,
    secret_hash::{HASHED, PASSWORD_COST, SecretHash},
    verified_password::PasswordError,
};

fn user(text: &str, password: &str, cost: u32) -> User {
    let password = SecretHash::new(&password.into(), cost).unwrap();
    let (roles, scopes) = (roles(&["admin"]), scopes(&["a:b"]));
    User {
        name: name(text),
        roles,
        scopes,
        disabled: false,
        options: Default::default(),
        created: None,
        password,
    }
}

fn roster(users: Vec<User>) -> Roster {
    Roster::new(RosterEntries { clients: demo().0.clients, users, issuers: Vec::new() })
}

fn refused(roster: &Roster, name: &str, password: &str) -> PasswordError {
    roster.verify_password(&SecretCache::default(), name, &password.into(), None).unwrap_err()
}

#[test]
fn the_right_password_authenticates_its_user() {
    let roster = roster(vec![user("alice", "open sesame", COST), user("bob", "x", COST)]);
    let proof = roster
        .verify_password(&SecretCache::default(), "alice", &"open sesame".into(), None)
        .unwrap();
    assert_eq!(proof.user(), &name("alice"));
    assert_eq!((proof.roles(), proof.scopes()), (&roles(&["admin"]), &scopes(&["a:b"])));
    assert!(!format!("{roster:?} {proof:?}").contains("$2b$"));
}

#[test]
fn wrong_passwords_and_unknown_or_malformed_names_are_refused() {
    let roster = roster(vec![user("alice", "open sesame", COST), user("bob", "x", COST)]);
    for wrong in ["", "x", "open sesame ", "Open sesame", "open sesame\0open sesame"] {
        assert_eq!(refused(&roster, "alice", wrong), PasswordError::WrongPassword, "{wrong:?}");
    }
    for stranger in ["", "Alice", "alice ", "a/b", "billing", &"a".repeat(65)] {
        assert_eq!(refused(&roster, stranger, "open sesame"), PasswordError::UnknownUser);
    }
    assert_eq!(refused(&Roster::default(), "alice", "x"), PasswordError::UnknownUser);
}

#[test]
fn a_part_of_a_password_is_wrong() {
    let longest = "é".repeat(35) + "x";
    let roster = roster(vec![user("alice", &longest, COST)]);
    assert!(
        roster
            .verify_password(&SecretCache::default(), "alice", &longest.clone().into(), None)
            .is_ok()
    );
    for wrong in [longest.clone() + "y", longest.repeat(2), longest[..70].to_owned()] {
        assert_eq!(refused(&roster, "alice", &wrong), PasswordError::WrongPassword);
    }
}

#[test]
fn empty_passwords_and_passwords_that_bcrypt_truncates_are_wrong() {
    // Hashes that somebody wrote by hand; bcrypt itself would let both in.
    let roster = roster(vec![user("alice", "", COST), user("bob", "x", COST)]);
    assert_eq!(refused(&roster, "alice", ""), PasswordError::WrongPassword);
    assert_eq!(refused(&roster, "bob", "x\0x"), PasswordError::WrongPassword);
}

#[test]
fn only_the_right_password_reveals_that_the_user_is_disabled() {
    let disabled = User { disabled: true, ..user("alice", "right", COST) };
    let roster = roster(vec![disabled]);
    assert_eq!(refused(&roster, "alice", "right"), PasswordError::Disabled);
    assert_eq!(refused(&roster, "alice", "wrong"), PasswordError::WrongPassword);
}

#[test]
fn a_token_from_a_password_needs_an_enabled_user_and_client() {
    let mut roster = roster(vec![user("alice", "x", COST), user("bob", "x", COST)]);
    let (alice, billing) = (name("alice"), name("billing"));
    assert_eq!(roster.check_user(&alice, &alice, now()).unwrap().name, alice);
    assert!(roster.check_user(&alice, &billing, now()).is_ok());
    let gone = |refused: Result<&User, PasswordError>| refused.unwrap_err();
    assert_eq!(gone(roster.check_user(&billing, &billing, now())), PasswordError::UnknownUser);
    assert_eq!(gone(roster.check_user(&alice, &name("nobody"), now())), PasswordError::Disabled);
    assert_eq!(gone(roster.check_user(&alice, &name("bob"), now())), PasswordError::Disabled);
    roster.clients[0].disabled = true;
    assert_eq!(gone(roster.check_user(&alice, &billing, now())), PasswordError::Disabled);
    assert!(roster.check_user(&alice, &alice, now()).is_ok());
    roster.users[0].disabled = true;
    assert_eq!(gone(roster.check_user(&alice, &alice, now())), PasswordError::Disabled);
}

#[test]
fn every_result_takes_one_bcrypt_of_the_highest_cost() {
    assert_eq!(Roster::default().highest_password_cost, PASSWORD_COST);
    assert_eq!(roster(Vec::new()).highest_password_cost, PASSWORD_COST);
    let disabled = User { disabled: true, ..user("eve", "right", 9) };
    let roster = roster(vec![user("cheap", "x", COST), user("alice", "right", 9), disabled]);
    assert_eq!(roster.highest_password_cost, 9);

    let long = "x".repeat(100);
    let attempts = [
        ("alice", "right"),
        ("alice", "wrong"),
        ("alice", long.as_str()),
        ("alice", ""),
        ("nobody", "right"),
        ("nobody", &long),
        ("no/name", "right"),
        ("eve", "right"),
    ];
    for (name, password) in attempts {
        HASHED.take();
        let _answer = roster.verify_password(&SecretCache::default(), name, &password.into(), None);
        assert_eq!(HASHED.take(), [9], "{name:?} {password:?}");
    }
    HASHED.take();
    let _answer = roster.verify_password(&SecretCache::default(), "cheap", &"wrong".into(), None);
    assert_eq!(HASHED.take(), [COST]);
}

#[test]
fn a_token_from_before_the_password_was_set_is_refused() {
    let text = format!("[users.alice]\ncreated = {}\npassword = '{}'\n", now(), "HASH");
    let hash = bcrypt::hash("open sesame", COST).unwrap();
    let roster = Roster::parse(&text.replace("HASH", &hash), "r.toml").unwrap().roster;
    let alice = name("alice");
    let before = Timestamp::from_second(now().as_second() - 1).unwrap();
    assert_eq!(roster.check_user(&alice, &alice, before).err().unwrap(), PasswordError::Newer);
    assert!(roster.check_user(&alice, &alice, now()).is_ok());
}
