//! The provisioning file: content to XML. Pure.
