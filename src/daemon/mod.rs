//! Ties everything together.
