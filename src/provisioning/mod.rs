//! The HTTP server that managers fetch their files from.
