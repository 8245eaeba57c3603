//! TODO(fingerprint)
