//! Reads clients, users and issuers from a TOML document.

use std::{
    collections::{HashMap, hash_map::Entry},
    convert::Infallible,
    time::Duration,
};

use ipnet::IpNet;
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    notation::{duration::parse_duration, network::parse_network},
    oauth::{
        audience::Audience, custom_claims::CustomClaims, key_id::KeyId, provider_url::ProviderUrl,
        role::Role, scope::Scope, subject::Subject,
    },
    roster::{
        key_label::check_label,
        roster_entries::{Client, EntryOptions, Issuer, KeyRecord, RosterEntries, User},
        secret_hash::SecretHash,
        table_reader::{TableReader, wrong_type},
        text_diagnostics::{Offset, TextDiagnostics},
    },
};

/// Lower costs of passwords are warned about: in a stolen roster they would be cheap to guess. Keys are random.
const MIN_ADVISED_PASSWORD_COST: u32 = 10;

/// The fields that clients and users have alike.
const ENTRY_FIELDS: [&str; 7] =
    ["roles", "scopes", "disabled", "from", "token_lifetime", "audiences", "claims"];

/// Reads entries and checks that names, key ids and addresses are unique.
pub(super) struct EntryReader<'r, 'f> {
    diagnostics: &'r mut TextDiagnostics<'f>,
    /// Where each key id occurs first.
    key_ids: HashMap<KeyId, Offset>,
    /// Where each client is named.
    clients: HashMap<Subject, Offset>,
    /// Where each issuer's address occurs first.
    issuer_urls: HashMap<ProviderUrl, Offset>,
}

impl<'r, 'f> EntryReader<'r, 'f> {
    /// Reads a document, or a chunk of one.
    pub(super) fn read(
        document: &DeTable<'_>,
        diagnostics: &'r mut TextDiagnostics<'f>,
    ) -> RosterEntries {
        let root = TableReader::root(document);
        root.only(&["clients", "users", "issuers"], diagnostics);
        let mut reader = Self::new(diagnostics);
        RosterEntries {
            clients: reader.entries(root, "clients", "client", Self::client),
            users: reader.entries(root, "users", "user", Self::user),
            issuers: reader.entries(root, "issuers", "issuer", Self::issuer),
        }
    }

    fn new(diagnostics: &'r mut TextDiagnostics<'f>) -> Self {
        Self {
            diagnostics,
            key_ids: HashMap::new(),
            clients: HashMap::new(),
            issuer_urls: HashMap::new(),
        }
    }

    /// Reads all tables in the table `name`; each describes a `kind`.
    fn entries<'a, 't, T>(
        &mut self,
        root: TableReader<'a, 't>,
        name: &str,
        what: &'static str,
        read: fn(&mut Self, Subject, TableReader<'a, 't>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = root.value(name) else { return Vec::new() };
        let must = format_args!("`{name}` must hold tables, as `[{name}.NAME]`");
        let all = TableReader::new(value, (what, value.span().start), must, self.diagnostics);
        let mut entries = Vec::new();
        for (name, at, value) in all.iter().flat_map(TableReader::entries) {
            // An entry with an invalid name is read as well, for its other errors.
            let subject = Subject::parse(name)
                .inspect(|subject| self.check_distinct(what, subject, at))
                .map_err(|error| {
                    self.diagnostics.error(at, format_args!("a {what} is called {error}"))
                })
                .or_else(|()| Subject::parse("nameless"));
            let must = format_args!("the {what} `{}` must be a table", name.escape_debug());
            let fields = TableReader::new(value, (what, at), must, self.diagnostics);
            if let (Ok(subject), Some(fields)) = (subject, fields) {
                entries.extend(read(self, subject, fields));
            }
        }
        entries
    }

    /// Reports a user with the name of a client: a `sub` must be unambiguous. Clients are read first.
    fn check_distinct(&mut self, what: &str, name: &Subject, at: Offset) {
        if what == "client" {
            self.clients.insert(name.clone(), at);
        } else if let (true, Some(client)) = (what == "user", self.clients.get(name).copied()) {
            let (first, second) = (at.min(client), at.max(client));
            let line = self.diagnostics.line(first);
            let what = format!("a user and a client are both called {name}, see line {line}");
            self.diagnostics
                .error(second, format_args!("{what}: a name must mean one, rename one"));
        }
    }

    fn client(&mut self, name: Subject, fields: TableReader<'_, '_>) -> Option<Client> {
        let diagnostics = &mut *self.diagnostics;
        fields.only(&[&ENTRY_FIELDS[..], &["keys"]].concat(), diagnostics);
        let roles = fields.list("roles", Role::parse, diagnostics);
        let scopes = fields.list("scopes", Scope::parse, diagnostics);
        let disabled = fields.boolean("disabled", diagnostics);
        let options = self.options(fields);
        let keys = fields.value("keys").map(|keys| self.keys(keys)).unwrap_or_default();
        Some(Client { name, roles, scopes, disabled, options, keys })
    }

    fn options(&mut self, fields: TableReader<'_, '_>) -> EntryOptions {
        EntryOptions {
            from: self.networks(fields),
            token_lifetime: self.lifetime(fields),
            audiences: self.audiences(fields),
            claims: self.claims(fields),
        }
    }

    fn lifetime(&mut self, fields: TableReader<'_, '_>) -> Option<Duration> {
        let (text, at) = fields.text("token_lifetime", self.diagnostics)?;
        match parse_duration(text) {
            Ok(Duration::ZERO) => {
                let what = "`token_lifetime` is zero: every token would be expired when issued";
                self.diagnostics.error(at, what);
                None
            }
            Ok(lifetime) => Some(lifetime),
            Err(fix) => {
                self.diagnostics.error(at, format_args!("`token_lifetime` is {text:?}: {fix}"));
                None
            }
        }
    }

    fn claims(&mut self, fields: TableReader<'_, '_>) -> CustomClaims {
        let Some(value) = fields.value("claims") else { return CustomClaims::default() };
        let must = "`claims` must be a table, as in `claims = { tenant = \"acme\" }`";
        let at = value.span().start;
        let Some(table) = TableReader::new(value, ("claims", at), must, self.diagnostics) else {
            return CustomClaims::default();
        };
        let mut claims = Vec::new();
        for (name, at, value) in table.entries() {
            let json = json(value.get_ref());
            match CustomClaims::default().insert(name, json.clone()) {
                Ok(()) => claims.push((name.to_owned(), json)),
                Err(error) => self.diagnostics.error(at, format_args!("in `claims`, {error}")),
            }
        }
        CustomClaims::listed(claims).unwrap_or_else(|error| {
            self.diagnostics.error(at, format_args!("`claims` are too long: {error}"));
            CustomClaims::default()
        })
    }

    fn audiences(&mut self, fields: TableReader<'_, '_>) -> Vec<Audience> {
        let what = "`audiences` names none: name one, or leave it out for HALLPASS_AUDIENCE";
        self.refuse_empty(fields, "audiences", what);
        fields.list("audiences", Audience::parse, self.diagnostics)
    }

    fn refuse_empty(&mut self, fields: TableReader<'_, '_>, field: &str, what: &str) {
        let Some(value) = fields.value(field) else { return };
        if value.get_ref().as_array().is_some_and(|items| items.is_empty()) {
            self.diagnostics.error(value.span().start, what);
        }
    }

    /// An empty list would lock everybody out, which is said otherwise.
    fn networks(&mut self, fields: TableReader<'_, '_>) -> Option<Vec<IpNet>> {
        fields.value("from")?;
        let what =
            "`from` holds no network: name one, or leave it out; `disabled = true` locks out";
        self.refuse_empty(fields, "from", what);
        let parse = |text: &str| parse_network(text).map_err(|fix| format!("{text:?}: {fix}"));
        Some(fields.list("from", parse, self.diagnostics))
    }

    fn keys(&mut self, keys: &Spanned<DeValue<'_>>) -> Vec<KeyRecord> {
        let DeValue::Array(items) = keys.get_ref() else {
            let must =
                "`keys` must be a list of tables, as `[[clients.NAME.keys]]` with two brackets";
            wrong_type(self.diagnostics, keys, must);
            return Vec::new();
        };
        let mut records = Vec::with_capacity(items.len());
        for item in items.iter() {
            let must = "a key must be a table, as `[[clients.NAME.keys]]`";
            let fields = TableReader::new(item, ("key", item.span().start), must, self.diagnostics);
            records.extend(fields.and_then(|fields| self.key(fields)));
        }
        records
    }

    fn key(&mut self, fields: TableReader<'_, '_>) -> Option<KeyRecord> {
        let diagnostics = &mut *self.diagnostics;
        fields.only(&["id", "hash", "created", "expires", "label"], diagnostics);
        fields.require("id", "write the 12 characters behind `hp_` of the key", diagnostics);
        fields.require("hash", "make a new key with `hallpass key add`", diagnostics);
        fields.require(
            "created",
            "write `created = ` and a time, as 2026-11-23T00:00:00Z",
            diagnostics,
        );
        let created = fields.timestamp("created", diagnostics);
        let expires = fields.timestamp("expires", diagnostics);
        if let (Some(created), Some(expires)) = (created, expires)
            && expires < created
        {
            diagnostics.warn(fields.at, "this key expires before it was created: it is never good");
        }
        let label = self.label(fields);
        let hash = self.hash(fields, "hash");
        let id = self.key_id(fields);
        Some(KeyRecord { id: id?, created: created?, expires, label, hash: hash? })
    }

    fn label(&mut self, fields: TableReader<'_, '_>) -> Option<String> {
        let (text, at) = fields.text("label", self.diagnostics)?;
        check_label(text)
            .map_err(|error| self.diagnostics.error(at, format_args!("`label` {error}")))
            .ok()?;
        Some(text.to_owned())
    }

    fn key_id(&mut self, fields: TableReader<'_, '_>) -> Option<KeyId> {
        let (text, at) = fields.text("id", self.diagnostics)?;
        let Ok(id) = KeyId::parse(text) else {
            // The text is not repeated, because it may be a whole key.
            let message =
                "`id` must be the 12 characters of 0-9 A-Z a-z between `hp_` and the next `_`";
            self.diagnostics.error(at, message);
            return None;
        };
        match self.key_ids.entry(id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(at);
            }
            Entry::Occupied(mut entry) => {
                // Clients are read in the order of their names, not of their lines.
                let (first, second) = (at.min(*entry.get()), at.max(*entry.get()));
                entry.insert(first);
                let what =
                    format!("key id {id} is already used in line {}", self.diagnostics.line(first));
                self.diagnostics.error(second, format_args!("{what}: remove one of the two keys"));
            }
        }
        Some(id)
    }

    fn hash(&mut self, fields: TableReader<'_, '_>, name: &str) -> Option<SecretHash> {
        let (text, at) = fields.text(name, self.diagnostics)?;
        let hash = SecretHash::parse(text);
        hash.map_err(|error| self.diagnostics.error(at, format_args!("`{name}` {error}"))).ok()
    }

    fn password(&mut self, fields: TableReader<'_, '_>) -> Option<SecretHash> {
        let (_, at) = fields.text("password", self.diagnostics)?;
        let hash = self.hash(fields, "password")?;
        let (cost, advised) = (hash.cost(), MIN_ADVISED_PASSWORD_COST);
        if cost < advised {
            let what =
                format_args!("`password` has the bcrypt cost {cost}, {advised} or more is wise");
            self.diagnostics.warn(at, what);
        }
        Some(hash)
    }

    fn user(&mut self, name: Subject, fields: TableReader<'_, '_>) -> Option<User> {
        let diagnostics = &mut *self.diagnostics;
        fields.only(&[&ENTRY_FIELDS[..], &["created", "password"]].concat(), diagnostics);
        fields.require("password", "set one with `hallpass user add`", diagnostics);
        let roles = fields.list("roles", Role::parse, diagnostics);
        let scopes = fields.list("scopes", Scope::parse, diagnostics);
        let disabled = fields.boolean("disabled", diagnostics);
        let created = fields.timestamp("created", diagnostics);
        let options = self.options(fields);
        let password = self.password(fields)?;
        Some(User { name, roles, scopes, disabled, options, created, password })
    }

    fn issuer(&mut self, name: Subject, fields: TableReader<'_, '_>) -> Option<Issuer> {
        let diagnostics = &mut *self.diagnostics;
        fields.only(&["url", "audience", "roles_claim"], diagnostics);
        if name.as_str().contains('@') {
            // It becomes the name of a component of the document (OpenAPI 3.1, Components Object).
            diagnostics
                .error(fields.at, "the name of an issuer must not contain @: take another name");
        }
        fields.require(
            "url",
            "write the `iss` of its tokens, as https://login.example.com",
            diagnostics,
        );
        fields.require("audience", "write the `aud` that its tokens must carry", diagnostics);
        let url = self.issuer_url(fields);
        let audience = self.filled(fields, "audience");
        let roles_claim = self.roles_claim(fields);
        Some(Issuer { name, url: url?, audience: audience?, roles_claim })
    }

    /// A name is tried as it is and as a dotted path, since some providers put addresses with dots in front of their
    /// claims and others nest them. A list is one path.
    fn roles_claim(&mut self, fields: TableReader<'_, '_>) -> Vec<Vec<String>> {
        let Some(value) = fields.value("roles_claim") else { return Vec::new() };
        if matches!(value.get_ref(), DeValue::String(_)) {
            let name = self.filled(fields, "roles_claim");
            let paths = |name: String| {
                let dotted = name.split('.').map(str::to_owned).collect();
                vec![vec![name], dotted]
            };
            return name.map(paths).unwrap_or_default();
        }
        let path: Vec<String> = fields.list(
            "roles_claim",
            |name| Ok::<_, Infallible>(name.to_owned()),
            self.diagnostics,
        );
        if path.iter().all(String::is_empty) && matches!(value.get_ref(), DeValue::Array(_)) {
            let at = value.span().start;
            self.diagnostics.error(at, "`roles_claim` must name a claim");
        }
        vec![path]
    }

    fn issuer_url(&mut self, fields: TableReader<'_, '_>) -> Option<ProviderUrl> {
        let (text, at) = fields.text("url", self.diagnostics)?;
        let Some(url) = ProviderUrl::parse(text).ok().filter(|_| !text.contains('?')) else {
            let message = "`url` must begin with https:// and name a host, without user, query and \
                        fragment (http:// is fine on 127.0.0.1, [::1] and localhost)";
            self.diagnostics.error(at, message);
            return None;
        };
        match self.issuer_urls.entry(url.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(at)),
            Entry::Occupied(mut entry) => {
                // Issuers are read in the order of their names, not of their lines.
                let (first, second) = (at.min(*entry.get()), at.max(*entry.get()));
                entry.insert(first);
                let line = self.diagnostics.line(first);
                let what =
                    format!("`url` is already that of the issuer in line {line}: a token of it ");
                self.diagnostics
                    .error(second, format_args!("{what}could not be told from the other's"));
            }
        }
        Some(url)
    }

    /// A string that must not be empty.
    fn filled(&mut self, fields: TableReader<'_, '_>, name: &str) -> Option<String> {
        let (text, at) = fields.text(name, self.diagnostics)?;
        if text.is_empty() {
            self.diagnostics.error(at, format_args!("`{name}` must not be empty"));
        }
        Some(text.to_owned())
    }
}

/// A TOML value as JSON; `null` for what JSON has no word for.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => {
            let number = number.as_str().replace('_', "").parse::<f64>();
            number.map_or(Value::Null, Value::from)
        }
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Datetime(_) | DeValue::Table(_) => Value::Null,
    }
}
