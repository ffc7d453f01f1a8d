//! Tasks of the house: test, check, bench.
fn main() {}
