//! From a local clock to UTC.
//!
//! Where clocks go back, an hour occurs twice: the first is meant (the offset before the change), as in RFC 5545, and
//! such times are counted. Where they go forward, an hour does not occur, and its times are no times.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use swath_table::offset;

/// The zone of a column.
#[derive(Debug, Clone)]
pub(super) enum Zone {
    Fixed { offset_us: i64 },
    Named(TimeZone),
}

/// Local times between `from_us` and `to_us` that all have one offset; and a count.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ZoneCache {
    from_us: i64,
    to_us: i64,
    offset_us: i64,
    /// Times so far that occur twice.
    pub ambiguous: u64,
}

/// Local clocks this far from a change of offset are not touched by it: no change is larger than a day.
const MARGIN: SignedDuration = SignedDuration::from_hours(26);

impl Zone {
    pub fn new(name: Option<&str>) -> Result<Zone, String> {
        match name {
            None => Ok(Zone::Fixed { offset_us: 0 }),
            Some(name) => match offset::seconds(name.as_bytes()) {
                Some(offset_s) => Ok(Zone::Fixed { offset_us: i64::from(offset_s) * 1_000_000 }),
                None => match TimeZone::get(name) {
                    Ok(zone) => Ok(Zone::Named(zone)),
                    Err(_) => Err(format!("time zone {name:?} is not known")),
                },
            },
        }
    }

    /// The name of the zone, if its clocks went forward over this time.
    pub fn left_out(&self, local_us: i64) -> Option<&str> {
        let Zone::Named(zone) = self else { return None };
        let found = zone.to_ambiguous_timestamp(clock(local_us)?);
        matches!(found.offset(), AmbiguousOffset::Gap { .. }).then(|| zone.iana_name()).flatten()
    }

    /// The moment at which a local clock shows a time, if it ever does.
    #[inline]
    pub fn to_utc(&self, local_us: i64, cache: &mut ZoneCache) -> Option<i64> {
        match self {
            Zone::Fixed { offset_us } => Some(local_us - offset_us),
            Zone::Named(_) if (cache.from_us..cache.to_us).contains(&local_us) => Some(local_us - cache.offset_us),
            Zone::Named(zone) => look_up(zone, local_us, cache),
        }
    }
}

/// The clock that shows a time.
fn clock(local_us: i64) -> Option<DateTime> {
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(SignedDuration::from_micros(local_us)).ok()
}

fn look_up(zone: &TimeZone, local_us: i64, cache: &mut ZoneCache) -> Option<i64> {
    let found = zone.to_ambiguous_timestamp(clock(local_us)?);
    match found.offset() {
        AmbiguousOffset::Gap { .. } => return None,
        AmbiguousOffset::Fold { .. } => cache.ambiguous += 1,
        AmbiguousOffset::Unambiguous { .. } => {}
    }
    let utc = found.compatible().ok()?;
    let utc_us = utc.as_microsecond();
    let offset_us = local_us - utc_us;
    // The stretch of one offset around this moment, less a margin where a neighbouring offset could reach in. What
    // precedes a moment is before it, and the moment may be that of a change.
    let after = Timestamp::from_microsecond(utc_us + 1).unwrap_or(Timestamp::MAX);
    let previous = zone.preceding(after).next().map(|change| change.timestamp()).unwrap_or(Timestamp::MIN);
    let next = zone.following(utc).next().map(|change| change.timestamp()).unwrap_or(Timestamp::MAX);
    let from = previous.checked_add(MARGIN).ok().map(|utc| utc.as_microsecond() + offset_us);
    let to = next.checked_sub(MARGIN).ok().map(|utc| utc.as_microsecond() + offset_us);
    if let (Some(from_us), Some(to_us)) = (from, to)
        && (from_us..to_us).contains(&local_us)
    {
        *cache = ZoneCache { from_us, to_us, offset_us, ..*cache };
    }
    Some(utc_us)
}
