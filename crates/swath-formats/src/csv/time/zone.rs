//! From a local clock to UTC.
//!
//! Where clocks go back, an hour occurs twice: the first is meant (the offset before the change). Where they go forward,
//! an hour does not occur: its times move forward by what was left out (again the offset before the change). RFC 5545
//! has the same rule.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use swath_table::offset;

/// The zone of a column.
#[derive(Debug, Clone)]
pub(super) enum Zone {
    Fixed { offset_us: i64 },
    Named(TimeZone),
}

/// Local times between `from_us` and `to_us` that all have one offset.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ZoneCache {
    from_us: i64,
    to_us: i64,
    offset_us: i64,
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

    #[inline]
    pub fn to_utc(&self, local_us: i64, cache: &mut ZoneCache) -> Option<i64> {
        match self {
            Zone::Fixed { offset_us } => Some(local_us - offset_us),
            Zone::Named(_) if (cache.from_us..cache.to_us).contains(&local_us) => Some(local_us - cache.offset_us),
            Zone::Named(zone) => look_up(zone, local_us, cache),
        }
    }
}

fn look_up(zone: &TimeZone, local_us: i64, cache: &mut ZoneCache) -> Option<i64> {
    let local: DateTime =
        DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(SignedDuration::from_micros(local_us)).ok()?;
    let utc = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    let utc_us = utc.as_microsecond();
    let offset_us = local_us - utc_us;
    // The stretch of one offset around this moment, less a margin where a neighbouring offset could reach in.
    let previous = zone.preceding(utc).next().map(|change| change.timestamp()).unwrap_or(Timestamp::MIN);
    let next = zone.following(utc).next().map(|change| change.timestamp()).unwrap_or(Timestamp::MAX);
    let from = previous.checked_add(MARGIN).ok().map(|utc| utc.as_microsecond() + offset_us);
    let to = next.checked_sub(MARGIN).ok().map(|utc| utc.as_microsecond() + offset_us);
    // A time that a change left out has the offset before the change and a moment after it: it stands for itself only.
    let is_ordinary = i64::from(zone.to_offset(utc).seconds()) * 1_000_000 == offset_us;
    if let (Some(from_us), Some(to_us)) = (from, to)
        && is_ordinary
        && (from_us..to_us).contains(&local_us)
    {
        *cache = ZoneCache { from_us, to_us, offset_us };
    }
    Some(utc_us)
}
