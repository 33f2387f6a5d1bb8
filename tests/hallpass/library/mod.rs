//! Applications of other people: their operations, their document, their middleware around it.

mod composing;
mod invoices;
mod principals;
mod protecting;
