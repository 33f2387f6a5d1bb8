//! A service with its own roles and scopes, protected by hallpass.
//!
//! Run `hallpass init` and `hallpass key add`, then `cargo run --example invoices` in the same directory, and open
//! `/docs/`. `security(...)` states what a request needs; handlers take a `Principal`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use actix_web::{HttpResponse, HttpServer, Responder, delete, get, post, web};
use hallpass::{Gate, Principal};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

/// The head of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(info(
    title = "Invoices",
    version = "1.0.0",
    description = "Invoices by number. Log in with an API key, or use one of the OAuth2 flows."
))]
pub(crate) struct Invoices;

/// An invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
struct Invoice {
    /// Who has to pay.
    #[schema(example = "ACME", max_length = 64)]
    debtor: String,
    /// The amount in cents.
    #[schema(example = 4200, minimum = 1)]
    cents: u64,
}

/// All invoices by number, in memory.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<u32, Invoice>>);

impl Ledger {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<u32, Invoice>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Read the prices
///
/// Public: `security()` is empty.
#[utoipa::path(
    responses((status = 200, description = "The prices.", body = String)),
    security(),
)]
#[get("/prices")]
async fn prices() -> &'static str {
    "an invoice: 2 cents\n"
}

/// Get a greeting
///
/// `()` makes the token optional.
#[utoipa::path(
    responses((status = 200, description = "A greeting.", body = String)),
    security(("bearer" = []), ()),
)]
#[get("/greeting")]
async fn greeting(principal: Option<Principal>) -> String {
    match principal {
        Some(principal) => format!("Hello, {}\n", principal.subject()),
        None => "Hello, stranger\n".to_owned(),
    }
}

/// List the invoices
///
/// Needs the role `reader`, in a token or session cookie.
#[utoipa::path(
    responses((status = 200, description = "Every invoice by its number.", body = BTreeMap<u32, Invoice>)),
    security(("bearer" = ["reader"]), ("session" = ["reader"])),
)]
#[get("")]
async fn list_invoices(ledger: web::Data<Ledger>) -> impl Responder {
    web::Json(ledger.with(|invoices| invoices.clone()))
}

/// Write an invoice
///
/// Needs the scope `invoices:write`.
#[utoipa::path(
    request_body = Invoice,
    responses((status = 201, description = "Its number.", body = u32, content_type = "application/json")),
    security(("oauth2" = ["invoices:write"])),
)]
#[post("")]
async fn write_invoice(ledger: web::Data<Ledger>, invoice: web::Json<Invoice>) -> impl Responder {
    let number = ledger.with(|invoices| {
        let number = invoices.keys().next_back().map_or(1, |last| last + 1);
        invoices.insert(number, invoice.into_inner());
        number
    });
    HttpResponse::Created().json(number)
}

/// Cancel an invoice
///
/// Needs the role `admin` and the API key of the same client: a stolen token alone cancels nothing.
#[utoipa::path(
    params(("number" = u32, Path, description = "The number of the invoice.", example = 1)),
    responses((status = 204, description = "The invoice no longer exists.")),
    security(("bearer" = ["admin"], "apiKey" = [])),
)]
#[delete("/{number:[0-9]+}")]
async fn cancel_invoice(ledger: web::Data<Ledger>, number: web::Path<u32>) -> impl Responder {
    ledger.with(|invoices| invoices.remove(&number));
    HttpResponse::NoContent()
}

/// Registers the operations of the service.
pub(crate) fn register(config: &mut ServiceConfig<'_>, ledger: &web::Data<Ledger>) {
    let invoices = utoipa_actix_web::scope("/invoices")
        .service(list_invoices)
        .service(write_invoice)
        .service(cancel_invoice);
    config.app_data(ledger.clone()).service(prices).service(greeting).service(invoices);
}

/// Every operation answers every kind of caller as its `security` says. There is no list of operations to keep.
#[cfg(test)]
#[actix_web::test]
async fn access_is_as_documented() {
    let gate = hallpass::testing::TestGate::new();
    let ledger = web::Data::new(Ledger::default());
    let site = gate.protect(Invoices::openapi(), move |config| register(config, &ledger));
    hallpass::testing::matrix(&site.expect("the document can be enforced")).await;
}

#[actix_web::main]
#[allow(clippy::print_stdout, reason = "shows the port that the system has chosen")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gate = Gate::from_env()?;
    let ledger = web::Data::new(Ledger::default());
    let site = gate.protect(Invoices::openapi(), move |config| register(config, &ledger))?;
    let server = HttpServer::new(move || site.app()).bind(gate.bind_address())?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    Ok(server.run().await?)
}
