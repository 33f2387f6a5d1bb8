//! The tables, and what hallpass asks of them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::web;
use hallpass::{
    AccountId, AccountStatus, Accounts, BoxError, ClientRecord, Clients, KeyId, NewApiKey,
};
use rusqlite::{Connection, OptionalExtension, params};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS accounts (
        id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never given to another account
        name        TEXT NOT NULL UNIQUE,
        password    TEXT NOT NULL,
        role        TEXT NOT NULL DEFAULT 'reader',
        disabled    INTEGER NOT NULL DEFAULT 0,
        valid_since INTEGER NOT NULL                   -- milliseconds since 1970
    );
    CREATE TABLE IF NOT EXISTS keys (
        id     TEXT PRIMARY KEY,
        hash   TEXT NOT NULL,
        client TEXT NOT NULL,
        role   TEXT NOT NULL
    );
";

/// One connection; clones share it. SQLite waits for the disk, so it is asked on the threads for that.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

impl Database {
    pub fn open(path: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(TABLES)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        let shared = Arc::clone(&self.0);
        let answer = move || question(&shared.lock().unwrap_or_else(PoisonError::into_inner));
        web::block(answer).await?
    }

    /// Adds an account; false if the name is taken.
    pub async fn register(&self, name: String, password: String) -> Result<bool, BoxError> {
        self.ask(move |connection| {
            let added = connection.execute(
                "INSERT OR IGNORE INTO accounts (name, password, valid_since) VALUES (?1, ?2, ?3)",
                params![name, bcrypt::non_truncating_hash(password, 10)?, now()],
            )?;
            Ok(added == 1)
        })
        .await
    }

    /// The id of the account that has this name and password.
    pub async fn sign_in(
        &self,
        name: String,
        password: String,
    ) -> Result<Option<String>, BoxError> {
        self.ask(move |connection| {
            let found = connection
                .query_row("SELECT id, password FROM accounts WHERE name = ?1", [&name], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
                })
                .optional()?;
            // Who asks for an unknown name waits as long as for a known one.
            let (id, hash) = found.unwrap_or((0, UNMATCHABLE.to_owned()));
            let is_right = bcrypt::non_truncating_verify(password, &hash).unwrap_or(false);
            Ok(is_right.then(|| id.to_string()))
        })
        .await
    }

    /// Changes a password: all tokens that were issued before end.
    pub async fn change_password(&self, id: String, password: String) -> Result<(), BoxError> {
        self.ask(move |connection| {
            connection.execute(
                // Tokens count in seconds: later than the second in which one was issued since the last change.
                "UPDATE accounts SET password = ?2, \
                 valid_since = MAX(?3, (valid_since + 999) / 1000 * 1000 + 1) WHERE id = ?1",
                params![id, bcrypt::non_truncating_hash(password, 10)?, now()],
            )?;
            Ok(())
        })
        .await
    }

    /// Removes an account; false if there is none.
    pub async fn remove(&self, name: String) -> Result<bool, BoxError> {
        self.ask(move |connection| {
            Ok(connection.execute("DELETE FROM accounts WHERE name = ?1", [name])? == 1)
        })
        .await
    }

    /// Makes an API key of a client: the key itself is kept nowhere.
    pub async fn add_key(&self, client: String, role: String) -> Result<NewApiKey, BoxError> {
        self.ask(move |connection| {
            let key = NewApiKey::generate()?;
            connection.execute(
                "INSERT INTO keys (id, hash, client, role) VALUES (?1, ?2, ?3, ?4)",
                params![key.id().as_str(), key.hash(), client, role],
            )?;
            Ok(key)
        })
        .await
    }

    /// Revokes an API key; false if there is none.
    pub async fn revoke_key(&self, id: String) -> Result<bool, BoxError> {
        self.ask(move |connection| {
            Ok(connection.execute("DELETE FROM keys WHERE id = ?1", [id])? == 1)
        })
        .await
    }
}

impl Accounts for Database {
    async fn find(&self, account: &AccountId) -> Result<Option<AccountStatus>, BoxError> {
        let id = account.to_string();
        self.ask(move |connection| {
            let found = connection.query_row(
                "SELECT role, disabled, valid_since FROM accounts WHERE id = ?1",
                [id],
                |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, i64>(2)?)),
            );
            let Some((role, disabled, since)) = found.optional()? else { return Ok(None) };
            let since = UNIX_EPOCH + Duration::from_millis(since.try_into()?);
            let status = AccountStatus::new().roles([role])?;
            Ok(Some(status.disabled(disabled).valid_since(since)))
        })
        .await
    }
}

impl Clients for Database {
    async fn find(&self, key_id: &KeyId) -> Result<Option<ClientRecord>, BoxError> {
        let id = key_id.to_string();
        self.ask(move |connection| {
            let found = connection.query_row(
                "SELECT client, hash, role FROM keys WHERE id = ?1",
                [id],
                |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, String>(2)?,
                    ))
                },
            );
            let Some((client, hash, role)) = found.optional()? else { return Ok(None) };
            Ok(Some(ClientRecord::new(&client, &hash)?.roles([role])?))
        })
        .await
    }
}

/// A hash of the cost of all others that no password has.
const UNMATCHABLE: &str = "$2b$10$.....................................................";

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(i64::MAX)
}
