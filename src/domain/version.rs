//! TODO(version)
