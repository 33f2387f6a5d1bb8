//! Applications of other people: their operations, their document, their middleware around it.

mod invoices;
mod metrics;
mod principals;
mod protect;
mod scopes_and_middleware;
