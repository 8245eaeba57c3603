//! TODO(registration)
