//! The clients of every test's roster and their API keys.

use std::{collections::BTreeMap, fmt::Write};

use crate::support::api_key::ApiKey;

/// Name, fields of the client, fields of its key.
const CLIENTS: &[(&str, &str, &str)] = &[
    ("admin", "roles = ['admin', 'reader']", ""),
    ("reader", "roles = ['reader']", ""),
    ("scoped", "scopes = ['invoices:read', 'invoices:write']", ""),
    ("disabled", "roles = ['admin', 'reader']\ndisabled = true", ""),
    ("expired", "roles = ['admin', 'reader']", "expires = 2021-01-01T00:00:00Z"),
    ("ending", "roles = ['reader']", "expires = 2199-01-01T00:00:00Z"),
    ("soon", "roles = ['reader']", "expires = IN_A_MINUTE"),
];

/// A roster and the API keys of its clients.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    /// The text of the roster file.
    pub(crate) roster: String,
    keys: BTreeMap<&'static str, ApiKey>,
    hashes: Vec<String>,
}

impl Accounts {
    pub(crate) fn new() -> Self {
        let mut accounts =
            Self { roster: String::new(), keys: BTreeMap::new(), hashes: Vec::new() };
        let now = jiff::Timestamp::now().as_second();
        let soon = jiff::Timestamp::from_second(now + 60).unwrap().to_string();
        for (name, client_fields, key_fields) in CLIENTS {
            let key_fields = key_fields.replace("IN_A_MINUTE", &soon);
            let key = ApiKey::generate();
            let (id, hash) = (key.id(), key.hash());
            writeln!(
                accounts.roster,
                "[clients.{name}]\n{client_fields}\n[[clients.{name}.keys]]\nid = '{id}'\nhash = '{hash}'\n\
                 created = 2020-01-01T00:00:00Z\n{key_fields}\n"
            )
            .unwrap();
            accounts.keys.insert(name, key);
            accounts.hashes.push(hash);
        }
        accounts
    }

    /// The API key of a client.
    pub(crate) fn key(&self, client: &str) -> &str {
        self.keys[client].as_str()
    }

    /// What no answer and no log line may contain, with a description.
    pub(crate) fn secrets(&self) -> Vec<(String, String)> {
        let keys = self.keys.iter().map(|(name, key)| (format!("the API key of {name}"), key));
        let keys = keys.map(|(name, key)| (name, key.secret().to_owned()));
        let hashes = self.hashes.iter().map(|hash| ("a hash".to_owned(), hash.clone()));
        keys.chain(hashes).collect()
    }
}

/// The key id of an API key.
pub(crate) fn key_id(key: &str) -> &str {
    &key[3..15]
}

/// A well-formed key that no client has.
pub(crate) fn unknown_key() -> String {
    ApiKey::generate().as_str().to_owned()
}

/// The id of one key and the secret of another, with the checksum that fits.
pub(crate) fn with_wrong_secret(key: &str) -> String {
    ApiKey::parse(key).with_wrong_secret().as_str().to_owned()
}
