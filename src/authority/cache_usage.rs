//! How well a cache works.

/// The usage of a cache since the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheUsage {
    /// Look-ups that found an entry.
    pub(crate) hits: u64,
    /// Look-ups that found none.
    pub(crate) misses: u64,
    /// The approximate memory in use.
    pub(crate) bytes: u64,
}

/// Hits, misses, bytes.
impl From<(u64, u64, u64)> for CacheUsage {
    fn from((hits, misses, bytes): (u64, u64, u64)) -> Self {
        Self { hits, misses, bytes }
    }
}
