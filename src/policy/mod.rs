//! What the document demands.
