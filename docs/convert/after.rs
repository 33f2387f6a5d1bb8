//! Notes, with accounts of their own, protected by hallpass.

use std::{collections::HashMap, error::Error, sync::Mutex};

use actix_web::{
    App, HttpResponse, HttpServer, delete,
    error::{ErrorInternalServerError, ErrorUnauthorized},
    get, post,
    web::{Data, Json, ServiceConfig},
};
use hallpass::{
    AccountId, AccountStatus, Accounts, BoxError, Diagnostics, Gate, Principal, Site, TokenResponse,
};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

#[derive(Deserialize, ToSchema)]
struct Credentials {
    name: String,
    password: String,
}

struct Account {
    role: &'static str,
    hash: String,
}

#[derive(Default)]
pub(crate) struct Store {
    accounts: Mutex<HashMap<String, Account>>,
    notes: Mutex<Vec<String>>,
}

struct People(Data<Store>);

impl Accounts for People {
    async fn find(&self, account: &AccountId) -> Result<Option<AccountStatus>, BoxError> {
        let accounts = self.0.accounts.lock().map_err(|_| "poisoned")?;
        let account = accounts.get(account.as_str());
        Ok(account.map(|account| AccountStatus::new().roles([account.role])).transpose()?)
    }
}

fn check(store: &Store, given: &Credentials) -> actix_web::Result<()> {
    let accounts = store.accounts.lock().map_err(|_| ErrorInternalServerError("poisoned"))?;
    let account = accounts.get(&given.name).ok_or_else(|| ErrorUnauthorized("wrong"))?;
    if bcrypt::verify(&given.password, &account.hash).map_err(ErrorInternalServerError)? {
        return Ok(());
    }
    Err(ErrorUnauthorized("wrong"))
}

/// Register an account
#[utoipa::path(responses((status = 201, description = "Registered.")), security())]
#[post("/register")]
async fn register(
    store: Data<Store>,
    wanted: Json<Credentials>,
) -> actix_web::Result<HttpResponse> {
    let hash = bcrypt::hash(&wanted.password, 10).map_err(ErrorInternalServerError)?;
    let mut accounts = store.accounts.lock().map_err(|_| ErrorInternalServerError("poisoned"))?;
    if accounts.contains_key(&wanted.name) {
        return Ok(HttpResponse::Conflict().finish());
    }
    let role = if accounts.is_empty() { "admin" } else { "user" };
    accounts.insert(wanted.name.clone(), Account { role, hash });
    Ok(HttpResponse::Created().finish())
}

/// Get a token
#[utoipa::path(responses((status = 200, description = "The token.", body = TokenResponse)), security())]
#[post("/sign-in")]
async fn sign_in(
    store: Data<Store>,
    given: Json<Credentials>,
    gate: Data<Gate>,
) -> actix_web::Result<TokenResponse> {
    check(&store, &given)?;
    Ok(gate.issue(hallpass::Account::new(&given.name)?).await?)
}

/// List the notes
#[utoipa::path(responses((status = 200, description = "The notes.", body = Vec<String>)), security(("bearer" = [])))]
#[get("/notes")]
async fn list_notes(store: Data<Store>) -> actix_web::Result<Json<Vec<String>>> {
    let notes = store.notes.lock().map_err(|_| ErrorInternalServerError("poisoned"))?;
    Ok(Json(notes.clone()))
}

/// Add a note
#[utoipa::path(responses((status = 201, description = "Added.")), security(("bearer" = [])))]
#[post("/notes")]
async fn add_note(
    store: Data<Store>,
    text: String,
    principal: Principal,
) -> actix_web::Result<HttpResponse> {
    let mut notes = store.notes.lock().map_err(|_| ErrorInternalServerError("poisoned"))?;
    notes.push(format!("{}: {text}", principal.subject()));
    Ok(HttpResponse::Created().finish())
}

/// Delete all notes
#[utoipa::path(responses((status = 204, description = "Deleted.")), security(("bearer" = ["admin"])))]
#[delete("/notes")]
async fn delete_notes(store: Data<Store>) -> actix_web::Result<HttpResponse> {
    store.notes.lock().map_err(|_| ErrorInternalServerError("poisoned"))?.clear();
    Ok(HttpResponse::NoContent().finish())
}

#[get("/")]
async fn front_page() -> &'static str {
    "Notes"
}

#[derive(OpenApi)]
#[openapi(paths(register, sign_in, list_notes, add_note, delete_notes))]
struct Notes;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(front_page).service(register).service(sign_in);
    config.service(list_notes).service(add_note).service(delete_notes);
}

pub(crate) fn protect(gate: Gate, store: &Data<Store>) -> Result<Site, Diagnostics> {
    let gate = gate.with_accounts(People(store.clone()));
    gate.site(Notes::openapi()).public("/").build()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (gate, store) = (Gate::from_env()?, Data::<Store>::default());
    let (site, address) = (protect(gate.clone(), &store)?, gate.bind_address());
    let app = move || {
        let app = App::new().app_data(store.clone()).configure(routes);
        app.configure(|config| site.register(config)).wrap(site.guard())
    };
    Ok(HttpServer::new(app).bind(address)?.run().await?)
}
