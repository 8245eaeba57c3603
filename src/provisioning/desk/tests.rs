//! Tests of the desk without a socket: what is recorded of whom. The answers on the wire are tested from outside.
