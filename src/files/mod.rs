//! Files as the system has them: read without blocking, replaced as a whole under a lock.
//!
//! Must not know what is in them.

pub(crate) mod file_content;
mod mounted_file;
