//! The library in applications: their operations, documents and middleware.

mod access_matrix;
mod accounts;
mod clients;
mod combined_credentials;
mod existing_application;
mod invoices;
mod metrics;
mod own_types;
mod passwords;
mod principals;
mod protect;
mod random_routes;
mod refusal_bodies;
mod routing;
mod scopes_and_middleware;
mod secured_scopes;
mod settings;
mod test_gate;
