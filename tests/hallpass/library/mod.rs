//! The library in applications: their operations, documents and middleware.

mod access_matrix;
mod accounts;
mod clients;
mod combined_credentials;
mod conversion;
mod existing_application;
mod invoices;
mod metrics;
mod own_routes;
mod own_types;
mod passwords;
mod principals;
mod protect;
mod public_places;
mod random_routes;
mod refusal_bodies;
mod reporting;
mod routing;
mod scopes_and_middleware;
mod secured_scopes;
mod settings;
mod site_check;
mod test_gate;
