//! Tests of the whole program over real HTTP.
//!
//! Every test has a server of its own, in a directory of its own, on a port of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod reload;
