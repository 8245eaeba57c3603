//! Resolves secret references.
