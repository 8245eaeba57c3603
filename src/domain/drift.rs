//! TODO(drift)
