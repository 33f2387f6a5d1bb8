//! When keys are fetched, with a chosen `now` and a fetch that the test performs.

use std::{sync::mpsc, thread};

use super::*;

use crate::tokens::{
    external::{
        external_issuer::{ExternalIssuer, IssuerStatus, Refresh},
        external_issuer_settings::ExternalIssuerSettings,
        external_issuers::ExternalIssuers,
        external_token_error::ExternalTokenError,
        fetch::FetchError,
    },
    token_error::TokenError,
};

fn issuer() -> ExternalIssuer {
    ExternalIssuer::new(settings(URL))
}

fn down() -> Result<Keys, FetchError> {
    Err(FetchError::TooLarge("x".to_owned()))
}

fn up(signer: &Signer) -> Result<Keys, FetchError> {
    Ok(Keys::parse(set(&[signer.jwk("k")]).as_bytes()).unwrap())
}

fn token(signer: &Signer, kid: &str) -> String {
    signer.token(&header("EdDSA", kid).to_string(), &claims(URL).to_string())
}

#[test]
fn an_unknown_key_is_asked_for_once_in_ten_seconds_whatever_comes_of_it() {
    let (issuer, signer) = (issuer(), Signer::ed());
    let verify = |second| issuer.verify(&token(&signer, "k"), at(second));
    let unknown = Err(ExternalTokenError::Token(TokenError::UnknownKey));
    assert_eq!(issuer.status(), IssuerStatus::Unasked);
    assert_eq!(verify(NOW), Err(ExternalTokenError::KeysNeeded));
    assert!(issuer.refresh_by(at(NOW), |_| down()).is_err());
    assert!(matches!(issuer.status(), IssuerStatus::Failing(_)));
    assert_eq!(verify(NOW + 9), unknown);
    let never =
        |_: &ExternalIssuerSettings| -> Result<Keys, FetchError> { panic!("fetched too soon") };
    assert_eq!(issuer.refresh_by(at(NOW + 9), never), Ok(Refresh::NotNow));
    assert_eq!(verify(NOW + 10), Err(ExternalTokenError::KeysNeeded));
    assert_eq!(issuer.refresh_by(at(NOW + 10), |_| up(&signer)), Ok(Refresh::Done));
    assert!(verify(NOW + 10).is_ok());
    assert_eq!(issuer.status(), IssuerStatus::Fetched);
    assert_eq!(
        issuer.verify(&token(&signer, "new"), at(NOW + 19)),
        Err(ExternalTokenError::Token(TokenError::UnknownKey))
    );
    assert_eq!(
        issuer.verify(&token(&signer, "new"), at(NOW + 20)),
        Err(ExternalTokenError::KeysNeeded)
    );
    assert_eq!(verify(NOW - 5), Ok(issuer.verify(&token(&signer, "k"), now()).unwrap()));
}

#[test]
fn a_clock_that_was_put_back_does_not_stop_fetches() {
    let (issuer, signer) = (issuer(), Signer::ed());
    assert!(issuer.refresh_by(at(NOW + 100_000), |_| down()).is_err());
    assert_eq!(issuer.refresh_by(at(NOW), |_| up(&signer)), Ok(Refresh::Done));
}

#[test]
fn what_is_plainly_of_another_issuer_or_malformed_never_asks_for_keys() {
    let (issuer, signer) = (issuer(), Signer::ed());
    let other = claims("https://other.test").to_string();
    for (head, body, refusal) in [
        (header("EdDSA", "k").to_string(), other, TokenError::UnknownIssuer),
        (header("HS256", "k").to_string(), claims(URL).to_string(), TokenError::Algorithm),
        (header("EdDSA", "k").to_string(), "{".to_owned(), TokenError::Claims),
    ] {
        let refused = issuer.verify(&signer.token(&head, &body), now());
        assert_eq!(refused, Err(ExternalTokenError::Token(refusal)));
    }
}

#[test]
fn old_keys_serve_while_the_provider_is_down_and_are_wanted_fresh_after_ten_minutes() {
    let (issuer, signer) = (issuer(), Signer::ed());
    assert!(!issuer.wants_refresh(now()), "what was never fetched is fetched when it is needed");
    issuer.refresh_by(now(), |_| up(&signer)).unwrap();
    assert!(!issuer.wants_refresh(at(NOW + 599)));
    assert!(issuer.wants_refresh(at(NOW + 600)));
    assert!(issuer.refresh_by(at(NOW + 600), |_| down()).is_err());
    assert!(issuer.verify(&token(&signer, "k"), at(NOW + 60)).is_ok());
    assert!(matches!(issuer.status(), IssuerStatus::Failing(_)));
    assert!(!issuer.wants_refresh(at(NOW + 609)) && issuer.wants_refresh(at(NOW + 610)));
    let next = Signer::ed();
    issuer.refresh_by(at(NOW + 610), |_| up(&next)).unwrap();
    assert!(issuer.verify(&token(&next, "k"), now()).is_ok());
    assert!(issuer.verify(&token(&signer, "k"), now()).is_err(), "a replaced key is gone");
}

#[test]
fn one_fetch_is_under_way_at_a_time_and_others_may_wait_for_it() {
    let (issuer, signer) = (issuer(), Signer::ed());
    let (inside, is_inside) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    thread::scope(|scope| {
        // Dropped when an assertion fails, so that the fetch ends and the test does too.
        let go_on = go_on;
        let (issuer, signer) = (&issuer, &signer);
        scope.spawn(move || {
            issuer.refresh_by(now(), |_| {
                inside.send(()).unwrap();
                let _ = may_go_on.recv();
                up(signer)
            })
        });
        is_inside.recv().unwrap();
        for second in [NOW, NOW + 3600] {
            assert_eq!(issuer.refresh_by(at(second), |_| down()), Ok(Refresh::NotNow));
        }
        let waiting = issuer.verify(&token(signer, "k"), now());
        assert_eq!(waiting, Err(ExternalTokenError::KeysNeeded), "it is worth waiting");
        drop(go_on);
    });
    assert!(issuer.verify(&token(&signer, "k"), now()).is_ok());
}

#[test]
fn a_fetch_that_panics_does_not_end_all_fetches() {
    let (issuer, signer) = (issuer(), Signer::ed());
    thread::scope(|scope| {
        let fetch = scope.spawn(|| issuer.refresh_by(now(), |_| panic!("a test's panic")));
        assert!(fetch.join().is_err());
    });
    assert_eq!(issuer.refresh_by(at(NOW + 10), |_| up(&signer)), Ok(Refresh::Done));
}

#[test]
fn an_issuer_keeps_its_keys_as_long_as_its_settings_stay() {
    let (issuers, signer) = (ExternalIssuers::default(), Signer::ed());
    issuers.get_or_add(&settings(URL)).refresh_by(now(), |_| up(&signer)).unwrap();
    assert!(issuers.get_or_add(&settings(URL)).verify(&token(&signer, "k"), now()).is_ok());
    let moved = issuers.get_or_add(&settings("https://other.test"));
    assert_eq!(moved.status(), IssuerStatus::Unasked);
    assert_eq!(issuers.get_or_add(&settings(URL)).status(), IssuerStatus::Unasked);
}
