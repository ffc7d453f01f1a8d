//! swath-testkit
