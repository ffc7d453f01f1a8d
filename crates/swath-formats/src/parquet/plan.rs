//! What reading a column takes, known before any of its values is read: from the footer, and from the headers of pages
//! where a column of a row group is larger than a page usually is.

use swath_core::Result;

use super::footer::{FileColumn, Footer};
use super::leaf::Leaf;
use super::page::{Io, PageKind};

/// Columns of a row group that are no larger are taken for one page; of others the headers of pages are read.
const SMALL: u64 = 128 << 10;

/// The largest pages of a column.
#[derive(Debug, Clone, Copy, Default)]
struct Largest {
    page: u64,
    dictionary: u64,
    packed: u64,
}

/// Memory that a column takes at most, and that of the largest packed page of it.
///
/// # Errors
/// [`swath_core::Error::InputUnreadable`] and [`swath_core::Error::InputCorrupt`], of page headers.
pub(crate) fn column_bytes_max(footer: &Footer, io: &mut Io, column: &FileColumn, chunk: usize) -> Result<(u64, u64)> {
    let (largest, prefixes) = largest(footer, io, &column.name, chunk)?;
    Ok((Leaf::bytes_for(column, largest.page, largest.dictionary, prefixes), largest.packed))
}

/// The largest pages of a column in all row groups, and whether texts may be written as what differs.
fn largest(footer: &Footer, io: &mut Io, name: &str, chunk: usize) -> Result<(Largest, bool)> {
    let (mut largest, mut prefixes) = (Largest::default(), false);
    for group in 0..footer.groups.len() {
        let place = &footer.chunks_of(group)[chunk];
        prefixes |= place.prefixes;
        let (all, all_packed) = (place.unpacked, place.to - place.from);
        // What is known to be larger already needs no look at its pages.
        let is_known = |largest: &Largest| all <= largest.page.min(largest.dictionary) && all_packed <= largest.packed;
        if all <= SMALL || is_known(&largest) {
            largest.page = largest.page.max(all);
            largest.dictionary = largest.dictionary.max(all);
            largest.packed = largest.packed.max(all_packed);
            continue;
        }
        let mut at = place.from;
        while at < place.to {
            let page = io.header(name, at, place.to, place.unpacked)?;
            at = page.at + page.packed as u64;
            let of_kind = if page.kind == PageKind::Dictionary { &mut largest.dictionary } else { &mut largest.page };
            *of_kind = (*of_kind).max(page.unpacked as u64);
            largest.packed = largest.packed.max(page.packed as u64);
        }
    }
    Ok((largest, prefixes))
}
