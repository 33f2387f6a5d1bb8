//! Verification of passwords.

use std::net::IpAddr;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    oauth::{custom_claims::CustomClaims, role::Roles, scope::Scopes, subject::Subject},
    roster::{
        roster::Roster, roster_entries::User, secret_cache::SecretCache, secret_hash::SecretHash,
    },
};

/// bcrypt reads 72 bytes, of which the last is the terminating NUL.
const MAX_LENGTH: usize = 71;

/// Why a password cannot be set. It does not contain the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NewPasswordError {
    #[error("the password is empty")]
    Empty,
    #[error(
        "the password has {0} bytes, and bcrypt reads {MAX_LENGTH} at most: take a shorter one"
    )]
    TooLong(usize),
    #[error("the password holds a NUL character: take another one")]
    Nul,
}

/// Proof that the caller knows the password of an enabled user. Only [`Roster::verify_password`] and
/// [`Roster::recall_password`] make one.
#[derive(Debug, Clone)]
pub struct VerifiedPassword {
    user: Subject,
    roles: Roles,
    scopes: Scopes,
    claims: CustomClaims,
}

impl VerifiedPassword {
    /// Called only after the password was compared. Fails if the user is disabled.
    fn new(user: &User) -> Result<Self, PasswordError> {
        if user.disabled {
            return Err(PasswordError::Disabled);
        }
        Ok(Self {
            user: user.name.clone(),
            roles: user.roles.clone(),
            scopes: user.scopes.clone(),
            claims: user.options.claims.clone(),
        })
    }

    pub fn user(&self) -> &Subject {
        &self.user
    }

    pub(crate) fn claims(&self) -> &CustomClaims {
        &self.claims
    }

    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }
}

/// Why a password is refused: logged, never sent to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error("the user was added again since")]
    Newer,
    #[error("no such user in the roster")]
    UnknownUser,
    #[error("wrong password")]
    WrongPassword,
    #[error("the user is disabled")]
    Disabled,
    #[error("the address is outside of the user's `from`")]
    Elsewhere,
}

impl Roster {
    /// Recognizes the right password of a user without bcrypt; none if it was never verified, is wrong, or is not taken
    /// from this peer, which must not be told sooner.
    pub(crate) fn recall_password(
        &self,
        cache: &SecretCache,
        name: &str,
        password: &SecretString,
        peer: Option<IpAddr>,
    ) -> Option<Result<VerifiedPassword, PasswordError>> {
        let user = self.user_named(name).filter(|user| user.options.take_from(peer));
        let is_right = cache.recalls(user.map(|user| &user.password), password);
        user.filter(|_| is_right).map(VerifiedPassword::new)
    }

    /// Verifies a user's password. Runs exactly one bcrypt whatever the result, which is not that of the password where
    /// it is not taken from this peer. Only a caller with the right password learns that the user is disabled.
    pub(crate) fn verify_password(
        &self,
        cache: &SecretCache,
        name: &str,
        password: &SecretString,
        peer: Option<IpAddr>,
    ) -> Result<VerifiedPassword, PasswordError> {
        let user = self.user_named(name).ok_or(PasswordError::UnknownUser);
        let user = user.and_then(|user| match user.options.take_from(peer) {
            true => check(password).map(|()| user).map_err(|_| PasswordError::WrongPassword),
            false => Err(PasswordError::Elsewhere),
        });
        let user = user.inspect_err(|_| {
            // bcrypt refuses a long password immediately, so hash a short one instead.
            let _never = SecretHash::unmatchable(self.highest_password_cost).matches(&"-".into());
        })?;
        if !cache.matches(&user.password, password) {
            return Err(PasswordError::WrongPassword);
        }
        VerifiedPassword::new(user)
    }

    fn user_named(&self, name: &str) -> Option<&User> {
        self.user(&Subject::parse(name).ok()?)
    }

    /// Checks without bcrypt that a token issued to a user at `issued_at` is still valid: the user exists and is
    /// enabled, the password is not newer, and `through`, the client that the user logged in with, is enabled as
    /// well. `through` is `name` where the user logged in directly. Returns the user.
    ///
    /// # Errors
    /// [`PasswordError`], never [`PasswordError::WrongPassword`] and [`PasswordError::Elsewhere`].
    pub(crate) fn check_user(
        &self,
        name: &Subject,
        through: &Subject,
        issued_at: Timestamp,
    ) -> Result<&User, PasswordError> {
        let user = self.user(name).ok_or(PasswordError::UnknownUser)?;
        if user.created.is_some_and(|created| issued_at < created) {
            return Err(PasswordError::Newer);
        }
        let lets_through =
            || through == name || self.client(through).is_some_and(|client| !client.disabled);
        if user.disabled || !lets_through() {
            return Err(PasswordError::Disabled);
        }
        Ok(user)
    }
}

/// Checks that bcrypt hashes the whole password.
pub(super) fn check(password: &SecretString) -> Result<(), NewPasswordError> {
    let password = password.expose_secret();
    match password.len() {
        0 => Err(NewPasswordError::Empty),
        long if long > MAX_LENGTH => Err(NewPasswordError::TooLong(long)),
        _ if password.contains('\0') => Err(NewPasswordError::Nul),
        _ => Ok(()),
    }
}
