//! An application with accounts and API keys of its own, in SQLite: it registers people, lets them log in, and makes keys.
//! hallpass issues their tokens, checks them, and enforces the `security` of every operation.

mod database;

use std::error::Error;

use actix_web::{
    HttpResponse, HttpServer, delete, get, post, put,
    web::{Data, Json, Path},
};
use hallpass::{Account, Gate, Principal, Refusal, TokenResponse};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::database::Database;

/// Errors of the database are answered with 500, and only the log tells them.
type Answer<T> = Result<T, Refusal>;

#[derive(Deserialize, ToSchema)]
struct Credentials {
    name: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
struct NewPassword {
    password: String,
}

#[derive(Deserialize, ToSchema)]
struct NewKey {
    client: String,
    role: String,
}

#[derive(Serialize, ToSchema)]
struct CreatedKey {
    id: String,
    /// Shown once.
    key: String,
}

/// Register an account
#[utoipa::path(
    responses((status = 201, description = "Registered."), (status = 409, description = "The name is taken.")),
    security()
)]
#[post("/accounts")]
async fn register(database: Data<Database>, Json(new): Json<Credentials>) -> Answer<HttpResponse> {
    Ok(match database.register(new.name, new.password).await? {
        true => HttpResponse::Created().finish(),
        false => HttpResponse::Conflict().finish(),
    })
}

/// Log in with name and password
#[utoipa::path(
    responses(
        (status = 200, description = "The token.", body = TokenResponse),
        (status = 403, description = "Name or password are wrong."),
    ),
    security()
)]
#[post("/sign-in")]
async fn sign_in(
    gate: Data<Gate>,
    database: Data<Database>,
    Json(sent): Json<Credentials>,
) -> Answer<TokenResponse> {
    let found = database.sign_in(sent.name, sent.password).await?;
    let id = found.ok_or_else(|| Refusal::denied("Name or password are wrong."))?;
    Ok(gate.issue(Account::new(&id)?).await?)
}

/// Change one's own password: all other tokens end
#[utoipa::path(
    responses((status = 200, description = "A new token.", body = TokenResponse)),
    security(("bearer" = []))
)]
#[put("/password")]
async fn change_password(
    gate: Data<Gate>,
    database: Data<Database>,
    principal: Principal,
    Json(new): Json<NewPassword>,
) -> Answer<TokenResponse> {
    let id = principal.account().ok_or_else(|| Refusal::denied("Clients have keys."))?;
    database.change_password(id.to_string(), new.password).await?;
    Ok(gate.issue(Account::new(id.as_str())?).await?)
}

/// Remove an account
#[utoipa::path(
    responses((status = 204, description = "Removed."), (status = 404, description = "No such account.")),
    security(("bearer" = ["admin"]))
)]
#[delete("/accounts/{name}")]
async fn remove(database: Data<Database>, name: Path<String>) -> Answer<HttpResponse> {
    Ok(deleted(database.remove(name.into_inner()).await?))
}

/// Make an API key for a client
#[utoipa::path(
    responses((status = 201, description = "The key.", body = CreatedKey)),
    security(("bearer" = ["admin"]))
)]
#[post("/keys")]
async fn add_key(database: Data<Database>, Json(new): Json<NewKey>) -> Answer<HttpResponse> {
    let key = database.add_key(new.client, new.role).await?;
    let created = CreatedKey { id: key.id().to_string(), key: key.expose().to_owned() };
    Ok(HttpResponse::Created().insert_header(("Cache-Control", "no-store")).json(created))
}

/// Revoke an API key: its tokens end as well
#[utoipa::path(
    responses((status = 204, description = "Revoked."), (status = 404, description = "No such key.")),
    security(("bearer" = ["admin"]))
)]
#[delete("/keys/{id}")]
async fn revoke_key(database: Data<Database>, id: Path<String>) -> Answer<HttpResponse> {
    Ok(deleted(database.revoke_key(id.into_inner()).await?))
}

/// List the invoices
#[utoipa::path(
    responses((status = 200, description = "For whom they are.", body = String)),
    security(("bearer" = ["reader"]), ("bearer" = ["admin"]), ("apiKey" = ["reader"]))
)]
#[get("/invoices")]
async fn list_invoices(principal: Principal) -> String {
    format!("the invoices of the {:?} {}", principal.kind(), principal.subject())
}

fn deleted(was_there: bool) -> HttpResponse {
    if was_there { HttpResponse::NoContent() } else { HttpResponse::NotFound() }.finish()
}

#[derive(OpenApi)] // title, version and description of Cargo.toml
struct Invoices;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    env_logger::init();
    let path = std::env::var("DATABASE").unwrap_or_else(|_| "invoices.db".to_owned());
    let database = Database::open(&path)?;
    let gate = Gate::from_env()?.with_accounts(database.clone()).with_clients(database.clone());
    let database = Data::new(database);
    let site = gate.protect(Invoices::openapi(), move |config| {
        config.app_data(database.clone());
        config.service(register).service(sign_in).service(change_password).service(remove);
        config.service(add_key).service(revoke_key).service(list_invoices);
    })?;
    let server = HttpServer::new(move || site.app()).bind(gate.bind_address())?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    Ok(server.run().await?)
}
