//! The real binary over a real socket, in one test program: linking is what takes long.
//!
//! Must not know how anything is done inside.

mod state;
