//! Reductions: what a whole raster comes to, gathered window by window.
//!
//! Whatever is gathered can be put together in any order and gives the same bits: counts are whole numbers, and sums are
//! taken over pieces of rows whose ends depend on the grid alone, and are then added exactly. So nothing depends on the
//! shape of windows, on memory or on threads. What is read, and when, is the affair of the caller.

mod counts;
mod exact;
mod histogram;
mod keys;
mod moments;
mod percentiles;
mod scan;
#[cfg(test)]
mod tests;
mod uniques;

pub use counts::Counts;
pub use exact::ExactSum;
pub use histogram::Bins;
pub use keys::{Key, data_type_bits, value_of_key};
pub use moments::Moments;
pub use percentiles::{Rank, Search, percentile, ranks_of};
pub use scan::{ScanBand, piece_columns, scan};
pub use uniques::Uniques;
