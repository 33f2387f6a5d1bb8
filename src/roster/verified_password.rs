//! Proving a password: the one place where a [`VerifiedPassword`] is made.
//!
//! Must not know where the password came from.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    oauth::{role::Roles, scope::Scopes, subject::Subject},
    roster::{roster::Roster, roster_entries::User, secret_hash::SecretHash},
};

/// bcrypt reads 72 bytes, the last of which ends the text.
const LONGEST: usize = 71;

/// Why a password cannot be set. It does not hold the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NewPasswordError {
    /// There is none.
    #[error("the password is empty")]
    Empty,
    /// bcrypt would look at its beginning only.
    #[error("the password has {0} bytes, and bcrypt reads {LONGEST} at most: take a shorter one")]
    TooLong(usize),
    /// bcrypt takes it for the end of the text, so that other passwords would fit as well.
    #[error("the password holds a NUL character: take another one")]
    Nul,
}

/// The proof that somebody knows the password of an enabled user. Only [`Roster::verify_password`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedPassword {
    user: Subject,
    roles: Roles,
    scopes: Scopes,
}

impl VerifiedPassword {
    /// The user whose password it is.
    pub fn user(&self) -> &Subject {
        &self.user
    }

    /// The user's roles.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The user's scopes.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }
}

/// Why a password is refused: for the log, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// The password was set later than the proof was made from it.
    #[error("the user was added again since")]
    Newer,
    /// The roster has no user of this name, or the name is none.
    #[error("no such user in the roster")]
    UnknownUser,
    /// The user is known, the password is another.
    #[error("wrong password")]
    WrongPassword,
    /// The password is right and its user is disabled.
    #[error("the user is disabled")]
    Disabled,
}

impl Roster {
    /// Checks a user's password. It takes exactly one bcrypt whatever the answer, and nobody learns that a
    /// user is disabled who does not know the password.
    ///
    /// # Errors
    /// [`PasswordError`], which says why.
    pub(crate) fn verify_password(
        &self,
        name: &str,
        password: &SecretString,
    ) -> Result<VerifiedPassword, PasswordError> {
        let user = Subject::parse(name).ok().and_then(|name| self.user(&name));
        let (Some(user), Ok(())) = (user, check(password)) else {
            // bcrypt would refuse a long password at once: what is hashed instead must be short.
            let _never = SecretHash::unmatchable(self.highest_password_cost).matches(&"-".into());
            return Err(match user {
                Some(_) => PasswordError::WrongPassword,
                None => PasswordError::UnknownUser,
            });
        };
        if !user.password.matches(password) {
            return Err(PasswordError::WrongPassword);
        }
        if user.disabled {
            return Err(PasswordError::Disabled);
        }
        Ok(VerifiedPassword {
            user: user.name.clone(),
            roles: user.roles.clone(),
            scopes: user.scopes.clone(),
        })
    }

    /// Whether what was made from a password at `issued_at` may live on: the user is still there and enabled, the
    /// password is no newer than that, and enabled is also
    /// the client through which the user speaks, if that is another. Returns the user. Costs no bcrypt.
    ///
    /// # Errors
    /// [`PasswordError`], which says why; never [`PasswordError::WrongPassword`].
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

/// Whether bcrypt would look at all of it, and at nothing else.
pub(super) fn check(password: &SecretString) -> Result<(), NewPasswordError> {
    let password = password.expose_secret();
    match password.len() {
        0 => Err(NewPasswordError::Empty),
        long if long > LONGEST => Err(NewPasswordError::TooLong(long)),
        _ if password.contains('\0') => Err(NewPasswordError::Nul),
        _ => Ok(()),
    }
}
