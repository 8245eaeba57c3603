//! JSON and metrics over HTTP.
