//! Notes, with accounts, tokens and a middleware of their own.

use std::{
    collections::HashMap,
    error::Error,
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::{
    App, HttpMessage, HttpResponse, HttpServer,
    body::MessageBody,
    delete,
    dev::{ServiceRequest, ServiceResponse},
    error::{ErrorForbidden, ErrorInternalServerError, ErrorUnauthorized},
    get,
    http::header::AUTHORIZATION,
    middleware::{Next, from_fn},
    post,
    web::{Data, Json, ReqData, ServiceConfig, scope},
};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

#[derive(Deserialize, ToSchema)]
struct Credentials {
    name: String,
    password: String,
}

#[derive(Serialize, ToSchema)]
struct Token {
    access_token: String,
}

struct Account {
    role: &'static str,
    hash: String,
}

pub(crate) struct Store {
    accounts: Mutex<HashMap<String, Account>>,
    notes: Mutex<Vec<String>>,
    secret: String,
}

impl Store {
    pub(crate) fn new(secret: String) -> Self {
        Self { accounts: Mutex::default(), notes: Mutex::default(), secret }
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    sub: String,
    role: String,
    exp: u64,
}

fn sign(store: &Store, name: &str, role: &str) -> actix_web::Result<String> {
    let expires = SystemTime::now() + Duration::from_secs(1800);
    let exp = expires.duration_since(UNIX_EPOCH).map_err(ErrorInternalServerError)?.as_secs();
    let claims = Claims { sub: name.to_owned(), role: role.to_owned(), exp };
    let key = EncodingKey::from_secret(store.secret.as_bytes());
    encode(&Header::default(), &claims, &key).map_err(ErrorInternalServerError)
}

async fn check_token(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
    let store = request.app_data::<Data<Store>>();
    let store = store.ok_or_else(|| ErrorInternalServerError("no store"))?;
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| ErrorUnauthorized("log in first"))?;
    let key = DecodingKey::from_secret(store.secret.as_bytes());
    let claims = decode::<Claims>(token, &key, &Validation::default());
    let claims = claims.map_err(|_| ErrorUnauthorized("log in again"))?.claims;
    request.extensions_mut().insert(claims);
    next.call(request).await
}

fn check(store: &Store, given: &Credentials) -> actix_web::Result<&'static str> {
    let accounts = store.accounts.lock().map_err(|_| ErrorInternalServerError("poisoned"))?;
    let account = accounts.get(&given.name).ok_or_else(|| ErrorUnauthorized("wrong"))?;
    if bcrypt::verify(&given.password, &account.hash).map_err(ErrorInternalServerError)? {
        return Ok(account.role);
    }
    Err(ErrorUnauthorized("wrong"))
}

/// Register an account
#[utoipa::path(responses((status = 201, description = "Registered.")))]
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
#[utoipa::path(responses((status = 200, description = "The token.", body = Token)))]
#[post("/sign-in")]
async fn sign_in(store: Data<Store>, given: Json<Credentials>) -> actix_web::Result<Json<Token>> {
    let role = check(&store, &given)?;
    let access_token = sign(&store, &given.name, role)?;
    Ok(Json(Token { access_token }))
}

/// List the notes
#[utoipa::path(responses((status = 200, description = "The notes.", body = Vec<String>)))]
#[get("/notes")]
async fn list_notes(store: Data<Store>) -> actix_web::Result<Json<Vec<String>>> {
    let notes = store.notes.lock().map_err(|_| ErrorInternalServerError("poisoned"))?;
    Ok(Json(notes.clone()))
}

/// Add a note
#[utoipa::path(responses((status = 201, description = "Added.")))]
#[post("/notes")]
async fn add_note(
    store: Data<Store>,
    text: String,
    claims: ReqData<Claims>,
) -> actix_web::Result<HttpResponse> {
    let mut notes = store.notes.lock().map_err(|_| ErrorInternalServerError("poisoned"))?;
    notes.push(format!("{}: {text}", claims.sub));
    Ok(HttpResponse::Created().finish())
}

/// Delete all notes
#[utoipa::path(responses((status = 204, description = "Deleted.")))]
#[delete("/notes")]
async fn delete_notes(
    store: Data<Store>,
    claims: ReqData<Claims>,
) -> actix_web::Result<HttpResponse> {
    if claims.role != "admin" {
        return Err(ErrorForbidden("for admins"));
    }
    store.notes.lock().map_err(|_| ErrorInternalServerError("poisoned"))?.clear();
    Ok(HttpResponse::NoContent().finish())
}

#[get("/")]
async fn front_page() -> &'static str {
    "Notes"
}

#[get("/openapi.json")]
async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Notes::openapi())
}

#[derive(OpenApi)]
#[openapi(paths(register, sign_in, list_notes, add_note, delete_notes))]
struct Notes;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(front_page).service(document).service(register).service(sign_in);
    let protected = scope("").wrap(from_fn(check_token));
    config.service(protected.service(list_notes).service(add_note).service(delete_notes));
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Data::new(Store::new(std::env::var("NOTES_SECRET")?));
    let app = move || App::new().app_data(store.clone()).configure(routes);
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
