//! Tests of the whole product from the outside: the real program and the real protocol.

mod commands;
