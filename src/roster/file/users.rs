//! The changes of a roster file that are about users.
//!
//! Must not know where the password came from.

use std::path::Path;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    oauth::Subject,
    roster::{
        document,
        file::{EditError, Entitlements, Missing, edit},
        password,
        secret_hash::SecretHash,
    },
};

/// Adds a user whose password is set `now`, and makes the file where there is none; it is safely on the disk when this returns.
///
/// # Errors
/// [`EditError`] if the password is none that can be kept, the name is taken, the roster is broken or the
/// file cannot be written. The file is then as before.
pub(crate) fn add_user(
    path: &Path,
    user: &Subject,
    grants: &Entitlements,
    secret: &SecretString,
    cost: u32,
    now: Timestamp,
) -> Result<(), EditError> {
    password::check(secret)?;
    let hash = SecretHash::of(secret, cost)?;
    edit(path, Missing::IsEmpty, |roster, text| {
        if roster.user(user).is_some() {
            return Err(EditError::UserExists(user.clone()));
        }
        if roster.client(user).is_some() {
            return Err(EditError::NameTaken { name: user.clone(), taken_by: "client" });
        }
        Ok(document::add_user(text, user, (&grants.roles, &grants.scopes), &hash, now)?)
    })
}

/// Removes a user for good.
///
/// # Errors
/// [`EditError`] if the roster is missing or broken, the user is unknown, or the file cannot be written.
/// The file is then as before.
pub(crate) fn remove_user(path: &Path, user: &Subject) -> Result<(), EditError> {
    edit(path, Missing::IsError, |roster, text| {
        if roster.user(user).is_none() {
            return Err(EditError::UnknownUser(user.clone()));
        }
        document::remove_user(text, user);
        Ok(())
    })
}
