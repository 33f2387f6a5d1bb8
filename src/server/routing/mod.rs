//! What actix-web's router would do with the requests of a document: which handlers are registered, and whether each
//! operation of the document is answered by its own.
//!
//! Must not know credentials, nor what a requirement demands.

pub(crate) mod placement;
pub(crate) mod probe;
pub(crate) mod public_places;
pub(crate) mod registered;
pub(crate) mod route_conflicts;
