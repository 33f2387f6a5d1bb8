//! Applications of other people: their operations, their document, their middleware around it.

mod composing;
mod invoices;
mod metrics;
mod principals;
mod protecting;
