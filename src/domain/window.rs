//! TODO(window)
