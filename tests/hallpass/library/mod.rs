//! The library in applications: their operations, documents and middleware.

mod invoices;
mod metrics;
mod principals;
mod protect;
mod scopes_and_middleware;
