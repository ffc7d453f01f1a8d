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
const PLACES: [(&str, &str); 25] = [
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
    ("breitengrad", "längengrad"),
    ("breitengrad", "laengengrad"),
    ("geobreite", "geolänge"),
    ("geobreite", "geolaenge"),
    ("hochwert", "rechtswert"),
    ("latitud", "longitud"),
    ("latitudine", "longitudine"),
    ("breedtegraad", "lengtegraad"),
    ("breddgrad", "längdgrad"),
];

/// Words of other languages in the names of columns that say when.
const TIME_WORDS: [&str; 14] = [
    "zeit",
    "zeitstempel",
    "zeitpunkt",
    "uhrzeit",
    "messzeit",
    "datum",
    "tijd",
    "heure",
    "horodatage",
    "fecha",
    "hora",
    "ora",
    "tid",
    "dato",
];

/// Pairs of names of y and x that may as well be the width and the length of things: taken only if all values are
/// degrees.
const PLACES_OR_SIZES: [(&str, &str); 2] = [("breite", "länge"), ("breite", "laenge")];

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

/// Names of columns that hold the values of such quantities.
const PLAIN_VALUES: [&str; 14] = [
    "value",
    "values",
    "result",
    "resultvalue",
    "resultmeasure",
    "resultmeasurevalue",
    "measuredvalue",
    "measurement",
    "observation",
    "observedvalue",
    "concentration",
    "reading",
    "datavalue",
    "wert",
];

/// Words that end the names of such columns in tables with names of their own kind, like `Result_Characteristic`.
const QUANTITY_WORDS: [&str; 13] = [
    "parameter",
    "variable",
    "pollutant",
    "analyte",
    "characteristic",
    "metric",
    "measure",
    "measurand",
    "quantity",
    "species",
    "component",
    "phenomenon",
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

/// The columns that say where, as x and y; `are_degrees` looks at the values of a pair.
pub(super) fn place(
    columns: &[(&str, ColumnType)],
    are_degrees: impl Fn(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    use ColumnType::{Float32, Float64, Int32, Int64};
    let find = |wanted: &str| {
        columns.iter().position(|(name, column_type)| {
            matches!(column_type, Float32 | Float64 | Int32 | Int64) && squashed(name) == wanted
        })
    };
    let pair = |(y, x): &(&str, &str)| Some((find(x)?, find(y)?));
    PLACES.iter().find_map(pair).or_else(|| PLACES_OR_SIZES.iter().find_map(pair).filter(|&(x, y)| are_degrees(x, y)))
}

/// Whether the name says that the column tells when.
pub(super) fn is_timely(name: &str) -> bool {
    TIMES.contains(&squashed(name).as_str())
        || words(name).iter().any(|word| TIMES[..10].contains(&&**word) || TIME_WORDS.contains(&&**word))
}

/// Whether the name says that the column tells who measured.
pub(super) fn is_sensor_name(name: &str) -> bool {
    SENSORS.contains(&squashed(name).as_str())
}

/// Whether the name says that the column holds degrees of latitude or longitude, be it one of several such pairs.
pub(super) fn is_coordinate_name(name: &str) -> bool {
    let is_one = |name: &str| {
        let is_plain = |word: &str| word == name && word.len() > 2 && !matches!(word, "north" | "east" | "long");
        PLACES.iter().chain(&PLACES_OR_SIZES).any(|(y, x)| is_plain(y) || is_plain(x))
    };
    is_one(&squashed(name)) || words(name).iter().any(|word| is_one(word))
}

/// Whether the name says that the column tells what was measured.
pub(super) fn is_quantity(name: &str) -> bool {
    QUANTITIES.contains(&squashed(name).as_str())
}

/// Whether the name may say so: `Result_Characteristic`, `parameter_name`.
pub(super) fn tells_quantity(name: &str) -> bool {
    let words = words(name);
    let is_suffix = |word: &&String| !matches!(word.as_str(), "name" | "code" | "id");
    let last = words.iter().rev().find(is_suffix);
    is_quantity(name) || last.is_some_and(|last| QUANTITY_WORDS.contains(&last.as_str()))
}

/// Whether the name says that the column holds values of whatever was measured.
pub(super) fn is_plain_value(name: &str) -> bool {
    PLAIN_VALUES.contains(&squashed(name).as_str())
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
        assert_eq!(place(&columns, |_, _| false), Some((4, 3)));
        assert_eq!(sensor(&[("sensor", Timestamp)]), None);
        assert_eq!(time(&[("date", Date), ("updated", Timestamp)]), Some(1));
        assert_eq!(time(&[("updated", Timestamp), ("made", Timestamp)]), None);
        assert_eq!(place(&[("lat", String), ("lon", Float64)], |_, _| true), None);
        assert_eq!(place(&[("Latitud", Float64), ("Longitud", Float64)], |_, _| false), Some((1, 0)));
        let sizes = [("Breite", Float64), ("Länge", Float64)];
        assert_eq!((place(&sizes, |_, _| true), place(&sizes, |_, _| false)), (Some((1, 0)), None));
        assert!(is_coordinate_name("start_lat") && is_coordinate_name("Geogr. Breite") && !is_coordinate_name("acc_x"));
        assert!(is_timely("Mess-Datum") && is_timely("start") && !is_timely("sometimes"));
        assert!(is_quantity("parameter") && !is_quantity("unit"));
        assert!(is_value("Ozone", Int32) && !is_value("location", Int32) && !is_value("unit", Category));
        assert_eq!(date_and_clock(&[3, 7], &[4]), Some((3, 4)));
        assert_eq!(date_and_clock(&[3], &[]), None);
    }
}
