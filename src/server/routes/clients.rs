//! `GET /clients`: the roster without its hashes.

use actix_web::{HttpResponse, web::Data};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    authority::authority::Authority,
    notation::network::format_network,
    oauth::{Audience, KeyId, Roles, Scopes, Subject, custom_claims::CustomClaims},
    roster::roster_entries::Client,
    server::{
        context::Context, document::schemas, enforce::authenticated::Authenticated, http::endpoints,
    },
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
    #[schema(schema_with = schemas::subject)]
    name: Subject,
    #[schema(schema_with = schemas::roles)]
    roles: Roles,
    #[schema(schema_with = schemas::scope)]
    scope: Scopes,
    /// Whether its keys and tokens are refused.
    #[schema(example = false)]
    disabled: bool,
    /// The networks from which its keys are taken; absent where they are taken from everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::networks)]
    from: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::token_lifetime)]
    token_lifetime: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = schemas::audiences, required = false)]
    audiences: Vec<Audience>,
    #[serde(skip_serializing_if = "CustomClaims::is_empty")]
    #[schema(schema_with = schemas::claims, required = false)]
    claims: CustomClaims,
    /// Its API keys.
    #[schema(max_items = 1000)]
    keys: Vec<KeyEntry>,
}

/// One API key, without its secret and its hash.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyEntry {
    /// The key id.
    #[schema(example = "4fQz81LmXc0a", pattern = "^[0-9A-Za-z]{12}$", max_length = 12, value_type = String)]
    id: KeyId,
    /// When it was created.
    #[schema(example = "2026-11-23T00:00:00Z", max_length = 40, value_type = String, format = DateTime)]
    created: Timestamp,
    /// When it expires; absent for keys that never do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-11-23T00:00:00Z", max_length = 40, value_type = String, format = DateTime, required = false)]
    expires: Option<Timestamp>,
    /// When it was last used; absent for keys that never were. What other replicas, or this one before its start, know of
    /// it is at most a minute old.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-23T10:00:00Z", max_length = 40, value_type = String, format = DateTime, required = false)]
    last_used: Option<Timestamp>,
    /// What it is for, or whose it is; absent for keys without a label.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "invoice job, owner: dana",
        pattern = r"^[^\x00-\x1f\x7f]+$",
        max_length = 200,
        value_type = String,
        required = false
    )]
    label: Option<String>,
}

/// List the clients and their API keys
///
/// The whole roster, for administrators: every client with its roles, scopes and keys, and when each key was
/// last used. Secrets and hashes are never included.
#[utoipa::path(
    get,
    path = endpoints::CLIENTS,
    tag = "administration",
    operation_id = "list_clients",
    responses((status = 200, description = "The roster.", body = ClientList, example = json!({ "clients": [{
        "name": "demo", "roles": ["reader"], "scope": "invoices:read", "disabled": false,
        "keys": [{ "id": "4fQz81LmXc0a", "created": "2026-11-23T00:00:00Z", "expires": "2027-11-23T00:00:00Z" }],
    }] }))),
    security(("bearer" = ["admin"]), ("session" = ["admin"])),
)]
pub(crate) async fn list_clients(context: Data<Context>, _: Authenticated) -> HttpResponse {
    let roster = context.authority.roster();
    let clients = roster.clients().map(|client| entry(client, &context.authority)).collect();
    HttpResponse::Ok().json(ClientList { clients })
}

fn entry(client: &Client, authority: &Authority) -> ClientEntry {
    let options = &client.options;
    let keys = client.keys.iter().map(|key| KeyEntry {
        id: key.id.clone(),
        created: key.created,
        expires: key.expires,
        last_used: authority.last_used(&key.id),
        label: key.label.clone(),
    });
    ClientEntry {
        name: client.name.clone(),
        roles: client.roles.clone(),
        scope: client.scopes.clone(),
        disabled: client.disabled,
        from: options.from.as_ref().map(|from| from.iter().map(format_network).collect()),
        token_lifetime: options.token_lifetime.map(|lifetime| lifetime.as_secs()),
        audiences: options.audiences.clone(),
        claims: options.claims.clone(),
        keys: keys.collect(),
    }
}
