//! What columns are for, by name and type: sensor, time, place, value; and which ones make a reading unique.
//!
//! It knows names people use; it looks at no values.

use crate::schema::ColumnType;

use super::types::words;

/// Names of the column that says who measured, the best first.
const SENSORS: [&str; 32] = [
    "sensorid",
    "sensor",
    "deviceid",
    "device",
    "stationid",
    "station",
    "siteid",
    "site",
    "nodeid",
    "node",
    "loggerid",
    "logger",
    "sensorname",
    "devicename",
    "stationname",
    "sitename",
    "stationcode",
    "sitecode",
    "siteno",
    "stationno",
    "serialnumber",
    "serial",
    "macaddress",
    "mac",
    "imei",
    "thingid",
    "locationid",
    "locationidentifier",
    "locationcode",
    "locationname",
    "location",
    "platform",
];

/// Names of the column that says when, the best first.
const TIMES: [&str; 24] = [
    "timestamp",
    "datetime",
    "time",
    "timestamputc",
    "datetimeutc",
    "timeutc",
    "utc",
    "dateutc",
    "ts",
    "epoch",
    "observedat",
    "measuredat",
    "recordedat",
    "receivedat",
    "createdat",
    "timestamplocal",
    "datetimelocal",
    "localtime",
    "eventtime",
    "observationtime",
    "date",
    "day",
    "start",
    "begin",
];

/// Pairs of names of y and x.
const PLACES: [(&str, &str); 16] = [
    ("lat", "lon"),
    ("latitude", "longitude"),
    ("lat", "lng"),
    ("lat", "long"),
    ("latitude", "lon"),
    ("latitude", "lng"),
    ("gpslat", "gpslon"),
    ("gpslatitude", "gpslongitude"),
    ("locationlatitude", "locationlongitude"),
    ("latdeg", "londeg"),
    ("decimallatitude", "decimallongitude"),
    ("y", "x"),
    ("northing", "easting"),
    ("ycoord", "xcoord"),
    ("coordy", "coordx"),
    ("north", "east"),
];

/// Names of columns that say what was measured, in files with one value per row.
const QUANTITIES: [&str; 12] = [
    "parameter",
    "variable",
    "pollutant",
    "metric",
    "quantity",
    "measurement",
    "element",
    "property",
    "channel",
    "characteristic",
    "characteristicname",
    "observedproperty",
];

/// Last words of names of whole numbers that are no measurement.
const NOT_MEASURED: [&str; 28] = [
    "id",
    "code",
    "key",
    "index",
    "no",
    "number",
    "qual",
    "qualifier",
    "quality",
    "flag",
    "status",
    "location",
    "zone",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "doy",
    "version",
    "row",
    "line",
    "srid",
    "epsg",
    "source",
    "type",
    "name",
];

fn squashed(name: &str) -> String {
    words(name).concat()
}

fn best(names: &[&str], columns: &[(&str, ColumnType)], fits: impl Fn(ColumnType) -> bool) -> Option<usize> {
    let rank = |name: &str| names.iter().position(|other| *other == squashed(name));
    let ranked = columns.iter().enumerate().filter(|(_, (_, column_type))| fits(*column_type));
    ranked.filter_map(|(index, (name, _))| Some((rank(name)?, index))).min().map(|(_, index)| index)
}

/// The column that says who measured.
pub(super) fn sensor(columns: &[(&str, ColumnType)]) -> Option<usize> {
    use ColumnType::{Category, Int32, Int64, String};
    best(&SENSORS, columns, |column_type| matches!(column_type, Category | String | Int32 | Int64))
}

/// The column that says when: a timestamp before a date, a good name before a lone one.
pub(super) fn time(columns: &[(&str, ColumnType)]) -> Option<usize> {
    for wanted in [ColumnType::Timestamp, ColumnType::Date] {
        if let Some(index) = best(&TIMES, columns, |column_type| column_type == wanted) {
            return Some(index);
        }
        let all: Vec<usize> = (0..columns.len()).filter(|&index| columns[index].1 == wanted).collect();
        let named = |index: &usize| words(columns[*index].0).iter().any(|word| TIMES[..10].contains(&&**word));
        let named: Vec<usize> = all.iter().copied().filter(named).collect();
        match (named.as_slice(), all.as_slice()) {
            ([index], _) | ([], [index]) => return Some(*index),
            _ => {}
        }
    }
    None
}

/// The columns that say where, as x and y.
pub(super) fn place(columns: &[(&str, ColumnType)]) -> Option<(usize, usize)> {
    use ColumnType::{Float32, Float64, Int32, Int64};
    let find = |wanted: &str| {
        columns.iter().position(|(name, column_type)| {
            matches!(column_type, Float32 | Float64 | Int32 | Int64) && squashed(name) == wanted
        })
    };
    PLACES.iter().find_map(|(y, x)| Some((find(x)?, find(y)?)))
}

/// Whether the name says that the column tells what was measured.
pub(super) fn is_quantity(name: &str) -> bool {
    QUANTITIES.contains(&squashed(name).as_str())
}

/// Whether a column of numbers without another role is a measurement.
pub(super) fn is_value(name: &str, column_type: ColumnType) -> bool {
    match column_type {
        ColumnType::Float32 | ColumnType::Float64 => true,
        ColumnType::Int32 | ColumnType::Int64 => {
            words(name).last().is_none_or(|last| !NOT_MEASURED.contains(&last.as_str()))
        }
        _ => false,
    }
}

/// The pairs of a date and a time of day that make one moment: the only ones of their kind, or neighbours.
pub(super) fn date_and_clock(dates: &[usize], clocks: &[usize]) -> Option<(usize, usize)> {
    match (dates, clocks) {
        ([date], [clock]) => Some((*date, *clock)),
        _ => dates.iter().find(|&&date| clocks.contains(&(date + 1))).map(|&date| (date, date + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColumnType::{Category, Date, Float64, Int32, String, Timestamp};

    #[test]
    fn roles_go_by_name_and_type() {
        let columns =
            [("location", Int32), ("sensor_id", Int32), ("Flight Date", Date), ("lat", Float64), ("Lng", Float64)];
        assert_eq!(sensor(&columns), Some(1));
        assert_eq!(time(&columns), Some(2));
        assert_eq!(place(&columns), Some((4, 3)));
        assert_eq!(sensor(&[("sensor", Timestamp)]), None);
        assert_eq!(time(&[("date", Date), ("updated", Timestamp)]), Some(1));
        assert_eq!(time(&[("updated", Timestamp), ("made", Timestamp)]), None);
        assert_eq!(place(&[("lat", String), ("lon", Float64)]), None);
        assert!(is_quantity("parameter") && !is_quantity("unit"));
        assert!(is_value("Ozone", Int32) && !is_value("location", Int32) && !is_value("unit", Category));
        assert_eq!(date_and_clock(&[3, 7], &[4]), Some((3, 4)));
        assert_eq!(date_and_clock(&[3], &[]), None);
    }
}
