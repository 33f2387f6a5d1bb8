//! `GET /clients`: the roster without its hashes.
//!
//! Must not know where the roster is kept.

use actix_web::{HttpResponse, get, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::{enforce::authenticated::Authenticated, gate::Gate};
use crate::{
    oauth::{KeyId, Role, Roles, Scopes, Subject},
    roster::Client,
};

/// Every client of the roster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientList {
    /// The clients, by name.
    #[schema(max_items = 1_000_000)]
    clients: Vec<ClientEntry>,
}

/// One client, without secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientEntry {
    /// Its name.
    #[schema(example = "demo", pattern = "^[A-Za-z0-9._-]+$", max_length = 64, value_type = String)]
    name: Subject,
    /// Its roles.
    #[schema(example = json!(["reader"]), max_items = 1000, value_type = Vec<Role>)]
    roles: Roles,
    /// Its scopes, separated by spaces.
    #[schema(example = "", pattern = r"^[ !#-\[\]-~]*$", max_length = 4096, value_type = String)]
    scope: Scopes,
    /// Whether it is kept out.
    #[schema(example = false)]
    disabled: bool,
    /// Its API keys.
    #[schema(max_items = 1000)]
    keys: Vec<KeyEntry>,
}

/// One API key, without its secret and its hash.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyEntry {
    /// Its public name.
    #[schema(example = "4fQz81LmXc0a", pattern = "^[0-9A-Za-z]{12}$", max_length = 12, value_type = String)]
    id: KeyId,
    /// When it was made.
    #[schema(example = "2026-11-23T00:00:00Z", max_length = 40, value_type = String, format = DateTime)]
    created: Timestamp,
    /// When it ends; absent for keys that never do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-11-23T00:00:00Z", max_length = 40, value_type = String, format = DateTime, required = false)]
    expires: Option<Timestamp>,
    /// When it was last presented since this server started; absent where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-23T10:00:00Z", max_length = 40, value_type = String, format = DateTime, required = false)]
    last_used: Option<Timestamp>,
}

/// List the clients and the names of their API keys
///
/// The whole roster, for administrators: every client with its roles, scopes and keys, and when each key was
/// last used. Secrets and hashes are never shown.
#[utoipa::path(
    tag = "administration",
    operation_id = "list_clients",
    responses((status = 200, description = "The roster.", body = ClientList, example = json!({ "clients": [{
        "name": "demo", "roles": ["reader"], "scope": "invoices:read", "disabled": false,
        "keys": [{ "id": "4fQz81LmXc0a", "created": "2026-11-23T00:00:00Z", "expires": "2027-11-23T00:00:00Z" }],
    }] }))),
    security(("bearer" = ["admin"]), ("session" = ["admin"])),
)]
#[get("/clients")]
pub(crate) async fn list_clients(gate: web::Data<Gate>, _: Authenticated) -> HttpResponse {
    let roster = gate.authority().roster();
    let clients = roster.clients().map(|client| entry(client, &gate)).collect();
    HttpResponse::Ok().json(ClientList { clients })
}

fn entry(client: &Client, gate: &Gate) -> ClientEntry {
    let keys = client.keys.iter().map(|key| KeyEntry {
        id: key.id.clone(),
        created: key.created,
        expires: key.expires,
        last_used: gate.authority().last_used(&key.id),
    });
    ClientEntry {
        name: client.name.clone(),
        roles: client.roles.clone(),
        scope: client.scopes.clone(),
        disabled: client.disabled,
        keys: keys.collect(),
    }
}
