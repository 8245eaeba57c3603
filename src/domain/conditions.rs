//! TODO(conditions)
