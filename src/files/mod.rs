//! Files as the system has them: read without blocking, replaced as a whole under a lock.
//!
//! Must not know what is in them.

pub(crate) mod file_content;
pub(crate) mod listed_files;
pub(crate) mod lock_file;
pub(crate) mod mounted_file;
pub(crate) mod new_file;
pub(crate) mod ownership;
