//! Schema files: what they say, what is wrong with them, and that what is written reads back.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::schema::{Checks, ColumnSchema, CrsSchema, CsvFormat, DedupSchema, PivotSchema};

fn read(text: &str) -> Result<SchemaFile> {
    parse(text, Path::new("s.toml"))
}

/// The schema of the interface, complete.
const COMPLETE: &str = r##"
[csv]
delimiter = ";"
decimal = ","
comment = "#"
skip_lines = 2
header = true
quote = '"'
encoding = "UTF-8"
missing = ["", "NULL", "-9999"]

[columns.timestamp]
type = "timestamp"
role = "time"
source = ["Date", "Time"]
format = "%d/%m/%Y %H.%M.%S"
timezone = "Europe/Rome"
min = 2000-01-01
max = "2030-01-01T00:00:00Z"

[columns.sensor_id]
type = "category"
role = "sensor"
source = "id"

[columns.lat]
type = "float64"
role = "y"
[columns.lon]
type = "float64"
role = "x"

[columns."PM 2.5"]
type = "float32"
min = 0
max = 1e3
out_of_range = "null"
invalid = "null"
missing = ["-1"]
units = "ug/m3"
required = true

[crs]
source = "EPSG:4326"
target = "EPSG:3035"
[[crs.files]]
match = "zone33/*.csv"
source = "EPSG:32633"

[dedup]
key = ["sensor_id", "timestamp"]
keep = "last"
"##;

#[test]
fn a_complete_file_says_everything_in_order() {
    let schema = read(COMPLETE).unwrap().resolve(None).unwrap();
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["timestamp", "sensor_id", "lat", "lon", "PM 2.5"]);
    assert_eq!(schema.csv.delimiter, b';');
    assert_eq!((schema.csv.decimal, schema.csv.comment, schema.csv.skip_lines), (b',', Some(b'#'), 2));
    assert_eq!(schema.csv.missing, ["", "NULL", "-9999"]);
    let time = &schema.columns[0];
    assert_eq!(time.source, ["Date", "Time"]);
    assert_eq!((time.min, time.max), (Some(946_684_800e6), Some(1_893_456_000e6)));
    assert!(time.required && schema.columns[1].required && !schema.columns[2].required);
    let value = &schema.columns[4];
    assert_eq!((value.min, value.max, value.required), (Some(0.0), Some(1000.0), true));
    assert_eq!((value.out_of_range, value.invalid), (Violation::Null, Violation::Null));
    assert_eq!(value.missing.as_deref(), Some(&["-1".to_string()][..]));
    assert_eq!(schema.crs.files[0].source, "EPSG:32633");
    assert_eq!(schema.dedup.unwrap().keep, Keep::Last);
}

#[test]
fn wrong_files_are_answered_with_line_and_hint() {
    let two = "[columns.a]\ntype = \"float64\"\n[columns.b]\ntype = \"float64\"\n";
    let long = "[columns.a]\ntype = \"category\"\n[columns.b]\ntype = \"float64\"\n";
    for (text, wanted, hint) in [
        ("[csv]\ndelimter = \";\"", "s.toml, line 2: csv.delimter is not a key", "did you mean \"delimiter\"?"),
        ("[colums.a]\ntype = \"bool\"", "line 1: colums is not a key", "did you mean \"columns\"?"),
        ("[columns.a]\n\ntype = \"flaot32\"", "line 3: columns.a.type is \"flaot32\"; wanted one of", "\"float32\""),
        ("[columns.a]\ntype = 3", "line 2: columns.a.type is 3; wanted one of category", ""),
        ("[columns.a]\ntype = \"int32\"\nrole = \"sensr\"", "line 3: columns.a.role is \"sensr\"", "\"sensor\""),
        ("[columns.a]\ntype = \"bool\"\nrole = \"x\"", "does not go with type bool", ""),
        ("[csv]\ndelimiter = \"::\"", "line 2: csv.delimiter is \"::\", 2 bytes; wanted a single byte", ""),
        ("[csv]\ndelimiter = \"\"", "wanted a single byte", ""),
        ("[csv]\ndelimiter = \"spaces\"\nwidths = [3]", "line 3: csv.widths is set, but so is the other", "leave one"),
        ("[csv]\nwidths = []", "csv.widths is a list; wanted a list of whole numbers, 1 to 65535", ""),
        ("[csv]\nwidths = [4, 0]", "wanted a list of whole numbers, 1 to 65535", ""),
        ("[csv]\nwidths = [4, 2]\nquote = \"'\"", "csv.quote is set, but columns of fixed width", "leave it out"),
        ("[csv]\nwidths = [4, 2]\nfields = 3", "csv.fields is 3, but there are 2 widths", "leave it out"),
        ("[csv]\nstop_at = \"\"", "csv.stop_at is \"\"; wanted text that is not empty", ""),
        ("[csv]\nstop_at = \"a\\nb\"", "csv.stop_at holds a line end", ""),
        ("[csv]\ndelimiter = \"spaces\"\ncomment = \" \"", "csv.comment is a blank", ""),
        ("[csv]\ndecimal = \",\"", "csv.decimal is the delimiter too", "delimiter"),
        ("[csv]\nquote = \",\"", "csv.quote is the delimiter too", ""),
        ("[csv]\nheader = \"yes\"", "csv.header is \"yes\"; wanted true or false", ""),
        ("[csv]\nheader_lines = 0", "csv.header_lines is 0; wanted the lines of the header", "header = false"),
        ("[csv]\nheader = false\nheader_lines = 2", "csv.header_lines is set, but header = false", "skip_lines"),
        ("[csv]\nfields = 1000000000000", "csv.fields is 1000000000000; wanted at most 65535", ""),
        ("[csv]\nheader_lines = 9000000000", "csv.header_lines is 9000000000; wanted at most 1000", ""),
        ("[csv]\nskip_lines = -1", "csv.skip_lines is -1; wanted a whole number", ""),
        ("[csv]\nencoding = \"ebcdic\"", "csv.encoding is \"ebcdic\"", "iconv"),
        ("[csv]\nmissing = \"NULL\"", "csv.missing is \"NULL\"; wanted a list", ""),
        ("csv = 3", "csv is 3; wanted a table", ""),
        ("[csv\n", "line 1: this is not TOML", ""),
        ("[columns]\n", "columns is empty", ""),
        ("[columns.a]\ntype = \"float32\"\nmin = 5\nmax = 1", "line 3: columns.a.min is 5, more than max, 1", ""),
        ("[columns.a]\ntype = \"float32\"\nmin = 2020-01-01", "line 3: columns.a.min is a moment", ""),
        ("[columns.a]\ntype = \"timestamp\"\nmin = 12", "line 3: columns.a.min is a number", ""),
        (
            "[columns.a]\ntype = \"int64\"\nmax = 9007199254740993",
            "line 3: columns.a.max is 9007199254740992",
            "smaller",
        ),
        ("[columns.a]\ntype = \"int64\"\nmin = -9223372036854775808", "limits are told exactly", "leave it out"),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"%Y-%m-%d %H:%M %Z\"", "%Z cannot be read", "%z reads UTC"),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"%Y-%m-%d %H:%M:%S.%3f\"", "%3 is not known; wanted", ""),
        ("[columns.a]\ntype = \"string\"\nmin = 12", "columns.a.min is of no use", ""),
        ("[columns.a]\ntype = \"float64\"\nmin = nan", "wanted a number", ""),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"%Y-%m-%d %Q\"", "line 3: columns.a.format", ""),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"%H:%M\"", "wanted year, month and day", ""),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"epoch_sec\"", "no directive", "\"epoch_s\""),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"%Y-%m-%d %I:%M\"", "needs %p", "%H"),
        ("[columns.a]\ntype = \"int32\"\nnegate = true", "columns.a.negate is for floats", "float64"),
        ("[columns.a]\ntype = \"timestamp\"\nyear = 2018", "columns.a.year is for times with a format", ""),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"%j\"\nyear = 0", "columns.a.year is no year", ""),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"%Y %j\"\nyear = 2018", "so does the key year", "leave one"),
        ("[columns.a]\ntype = \"int32\"\nformat = \"%Y\"", "is for timestamps and dates", ""),
        ("[columns.a]\ntype = \"timestamp\"\ntimezone = \"Europe/Room\"", "no time zone", "\"Europe/Rome\""),
        ("[columns.a]\ntype = \"timestamp\"\ntimezone = \"+25:00\"", "no time zone", "an offset looks like"),
        ("[columns.a]\ntype = \"timestamp\"\ntimezone = \"nowhere near\"", "no time zone", "an offset looks like"),
        ("[columns.a]\ntype = \"timestamp\"\nformat = \"epoch_s\"\ntimezone = \"Asia/Tokyo\"", "counts in UTC", ""),
        ("[columns.a]\ntype = \"date\"\nsource = [\"x\", \"y\"]", "names 2 columns, but the type is date", ""),
        ("[columns.a]\ntype = \"date\"\nsource = []", "wanted one name, or a list of names", ""),
        (&format!("{two}[dedup]\nkey = [\"a\", \"c\"]"), "line 6: dedup.key names \"c\", which is not", "\"a\""),
        (&format!("{two}[dedup]\nkey = [\"a\", \"a\"]"), "dedup.key names \"a\" twice", ""),
        (&format!("{two}[dedup]\nkeep = \"last\""), "dedup.key is not there", "key = []"),
        (&format!("{two}role = \"x\""), "role x and none with role y", ""),
        (&format!("{two}required = false\n[dedup]\nkey = [\"b\"]"), "line 5: columns.b.required is false", ""),
        (&format!("{two}[crs]\ncolumn = \"b\""), "of type float64; wanted codes", ""),
        (&format!("{two}[crs]\ncolumn = \"srid\""), "names \"srid\", which is not a column", ""),
        (&format!("{two}[pivot]\nname = \"a\""), "line 5: pivot is not complete; wanted both name and value", "name ="),
        (&format!("{two}[pivot]\nname = \"a\"\nvalue = 3"), "line 7: pivot.value is 3; wanted text in quotes", ""),
        (
            &format!("{two}[pivot]\nname = \"b\"\nvalue = \"b\""),
            "line 7: pivot.value is \"b\", as pivot.name",
            "how much",
        ),
        (
            &format!("{two}[pivot]\nname = \"b\"\nvalue = \"c\""),
            "line 7: pivot.value names \"c\", which is not",
            "did you mean",
        ),
        (
            &format!("{two}[pivot]\nname = \"b\"\nvalue = \"a\""),
            "columns.b.type is float64, but pivot.name",
            "category",
        ),
        (
            &format!("{long}[pivot]\nname = \"a\"\nvalue = \"b\"\ncolumns = []"),
            "line 8: pivot.columns is empty",
            "sample",
        ),
        (&format!("{long}[pivot]\nname = \"a\"\nvalue = \"b\"\ncolumns = [\"c\", \"c\"]"), "names \"c\" twice", ""),
        (&format!("{long}[pivot]\nname = \"a\"\nvalue = \"b\"\ncolumns = [\"\"]"), "without blanks", ""),
        (
            &format!("{long}[pivot]\nname = \"a\"\nvalue = \"b\"\ncolumns = [\"b\"]"),
            "pivot.columns holds \"b\", and there is a column of that name",
            "[columns.other]",
        ),
        (
            &format!("{long}[pivot]\nname = \"a\"\nvalue = \"b\"\n[dedup]\nkey = [\"a\"]"),
            "line 9: dedup.key names \"a\", which [pivot] turns into columns",
            "leave it out",
        ),
        (&format!("{two}[crs]\nsource = 4326"), "crs.source is 4326; wanted text in quotes", ""),
        (&format!("{two}[[crs.files]]\nmatch = \"*\""), "wanted both match and source", ""),
        (
            "[columns.a]\ntype = \"date\"\nrole = \"time\"\n[columns.b]\ntype = \"date\"\nrole = \"time\"",
            "line 6: columns.b.role is taken by columns.a already (s.toml, line 3)",
            "",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.exit_code(), 2, "{text}");
        assert!(error.to_string().contains(wanted), "{text}\n got: {error}\nwanted: {wanted}");
        let got = error.hint().unwrap_or_default();
        assert!(got.contains(hint), "{text}\n got hint: {got}\nwanted: {hint}");
    }
}

#[test]
fn bytes_may_be_named() {
    for (text, expected) in [("\"\\t\"", b'\t'), ("'\\t'", b'\t'), ("\"tab\"", b'\t'), ("\"|\"", b'|')] {
        let file = read(&format!("[csv]\ndelimiter = {text}")).unwrap();
        assert_eq!(file.csv.delimiter, Some(expected), "{text}");
    }
    let file = read("[csv]\nquote = \"\"\ncomment = \"\"").unwrap();
    assert_eq!((file.csv.quote, file.csv.comment), (Some(None), Some(None)));
}

#[test]
fn fields_may_have_no_delimiter() {
    let columns = "[columns.a]\ntype = \"float64\"\n";
    for (text, layout, quote) in [
        ("delimiter = \"spaces\"\ndecimal = \",\"", Layout::Spaces, Some(b'"')),
        ("widths = [6, 10, 1]", Layout::Widths(vec![6, 10, 1]), None),
        ("delimiter = \";\"", Layout::Delimited, Some(b'"')),
    ] {
        let schema = read(&format!("[csv]\n{text}\n{columns}")).unwrap().resolve(None).unwrap();
        assert_eq!((&schema.csv.layout, schema.csv.quote), (&layout, quote), "{text}");
        let written = write(&schema, &Notes::default());
        assert_eq!(read(&written).unwrap().resolve(None).unwrap(), schema, "{written}");
    }
}

#[test]
fn a_zone_is_a_name_or_an_offset() {
    for zone in ["+05:30", "-07:00", "+0200", "Z", "UTC", "Europe/Rome", "America/New_York"] {
        let text = format!("[columns.a]\ntype = \"timestamp\"\ntimezone = \"{zone}\"");
        let schema = read(&text).and_then(|file| file.resolve(None)).unwrap_or_else(|error| panic!("{zone}: {error}"));
        assert_eq!(schema.columns[0].timezone.as_deref(), Some(zone));
    }
}

#[test]
fn files_lie_over_what_was_inferred() {
    let inferred = read(COMPLETE).unwrap().resolve(None).unwrap();
    let over = |text: &str| read(text).unwrap().resolve(Some(&inferred)).unwrap();
    assert_eq!(over(""), inferred);
    let narrowed = over("[columns.id]\nrole = \"none\"\n[columns.pm]\nsource = \"PM 2.5\"\nmax = 50");
    let [id, pm] = narrowed.columns.as_slice() else { panic!("{narrowed:?}") };
    assert_eq!((id.column_type, id.role, id.name.as_str()), (ColumnType::Category, None, "id"));
    assert_eq!((pm.column_type, pm.min, pm.max, pm.name.as_str()), (ColumnType::Float32, Some(0.0), Some(50.0), "pm"));
    assert_eq!(narrowed.dedup, None, "its time column is gone");
    assert_eq!(over("[dedup]\nkeep = \"first\"").dedup.unwrap().keep, Keep::First);
    assert_eq!(over("[dedup]\nkey = []").dedup, None);
    assert_eq!(over("[csv]\ndecimal = \".\"").csv.delimiter, b';');
    let renamed = over("[columns.when]\nsource = [\"Date\", \"Time\"]\n[columns.who]\nsource = \"id\"");
    assert_eq!(renamed.dedup.unwrap().key, ["who", "when"]);
    let error = read("[columns.pn]").unwrap().resolve(Some(&inferred)).expect_err("no such column");
    assert!(error.to_string().contains("has no type, and the input has no column \"pn\""), "{error}");
    assert!(read("[columns.a]").unwrap().resolve(None).is_err());
    assert!(read("").unwrap().resolve(None).is_err());
}

#[test]
fn coordinates_get_the_limits_of_their_system() {
    let schema = with_defaults(read(COMPLETE).unwrap().resolve(None).unwrap(), CoordinateBounds::DEGREES);
    assert_eq!((schema.columns[2].min, schema.columns[2].max), (Some(-90.0), Some(90.0)));
    assert_eq!((schema.columns[3].min, schema.columns[3].max), (Some(-180.0), Some(180.0)));
    let own = "[columns.y]\ntype = \"float64\"\nrole = \"y\"\nmin = 5\n[columns.x]\ntype = \"float64\"\nrole = \"x\"";
    let schema = with_defaults(read(own).unwrap().resolve(None).unwrap(), CoordinateBounds::DEGREES);
    assert_eq!((schema.columns[0].min, schema.columns[0].max), (Some(5.0), Some(90.0)));
}

#[test]
fn points_are_made_of_64_bits() {
    for narrow in ["float32", "int32", "int64"] {
        let file =
            format!("[columns.y]\ntype = \"float64\"\nrole = \"y\"\n[columns.x]\ntype = \"{narrow}\"\nrole = \"x\"");
        let error = read(&file).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("columns.x.role") && error.contains("wanted type float64"), "{error}");
    }
}

/// Whoever measured and when are what the file says they are, whatever their columns are called.
#[test]
fn the_default_key_is_of_the_final_roles() {
    let key = |file: &str| {
        let sample = crate::infer::Sample {
            path: "in.csv".into(),
            head: b"station,id,time,made,parameter,v\na,1,2025-01-01,2025-01-02,x,1\na,1,2025-01-01,2025-01-02,y,2\n"
                .to_vec(),
            complete: true,
            exhaustive: true,
            pieces: Vec::new(),
        };
        let file = read(file).unwrap();
        let inferred = crate::infer::infer(&[sample], &file).unwrap();
        file.resolve(Some(&inferred.schema)).unwrap().dedup.map(|dedup| dedup.key)
    };
    let is = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(key(""), is(&["station", "time", "parameter"]));
    for id in ["role = 'sensor'", "role = 'sensor'\ntype = 'category'", "role = 'sensor'\ntype = 'int32'"] {
        let file = format!("[columns.id]\n{id}\n[columns.time]\n[columns.parameter]\n[columns.v]");
        assert_eq!(key(&file), is(&["id", "time", "parameter"]), "{file}");
    }
    let typed = "columns.who = { source = 'id', type = 'category', role = 'sensor' }\n\
                 columns.made = { type = 'date', role = 'time' }\ncolumns.parameter.type = 'category'";
    assert_eq!(key(typed), is(&["who", "made", "parameter"]));
    assert_eq!(
        read(&typed.replace("source = 'id', ", "")).unwrap().resolve(None).unwrap().dedup.map(|dedup| dedup.key),
        is(&["who", "made"])
    );
    // A role that is not said is the inferred one; one that is taken away is gone.
    assert_eq!(
        key("[columns.station]\ntype = 'string'\n[columns.time]\n[columns.parameter]"),
        is(&["station", "time", "parameter"])
    );
    assert_eq!(key("[columns.station]\nrole = 'none'\n[columns.time]\n[columns.parameter]"), None);
    // Without what tells its readings apart there is no key, rather than one that loses readings.
    assert_eq!(key("[columns.station]\n[columns.time]\n[columns.v]"), None);
    assert_eq!(key("[dedup]\nkey = []"), None);
}

#[test]
fn a_pivot_makes_columns_of_names() {
    let infer = |rows: &str, file: &str| {
        let head = format!("station,time,unit,parameter,value\n{rows}").into_bytes();
        let sample =
            crate::infer::Sample { path: "in.csv".into(), head, complete: true, exhaustive: true, pieces: Vec::new() };
        let file = read(file).unwrap();
        let inferred = crate::infer::infer(&[sample], &file).unwrap();
        file.resolve(Some(&inferred.schema))
    };
    let rows = "a,2025-01-01,x,o3,1\na,2025-01-01,x,no2,2\nb,2025-01-02,x,no2,2\n";
    let pivot = "[pivot]\nname = \"parameter\"\nvalue = \"value\"\n";
    let names =
        |schema: &TableSchema| -> Vec<String> { schema.columns.iter().map(|column| column.name.clone()).collect() };
    let schema = infer(rows, pivot).unwrap();
    assert_eq!(names(&schema), ["station", "time", "unit", "parameter", "value"]);
    assert_eq!(schema.dedup.as_ref().unwrap().key, ["station", "time"]);
    let table = schema.pivoted();
    assert_eq!(
        (names(&table), &table.pivot),
        (["station", "time", "unit", "no2", "o3"].map(String::from).into(), &None)
    );
    assert!(table.columns[3..].iter().all(|column| column.column_type == schema.columns[4].column_type));
    // What is written is what it was, with the columns that were found.
    assert_eq!(read(&write(&schema, &Notes::default())).unwrap().resolve(None).unwrap(), schema);
    // Codes are texts, in the order that is asked for; the columns go wherever they stand, by the name in the file, too.
    let codes = rows.replace("o3", "00060").replace("no2", "00010");
    let file = format!(
        "{pivot}columns = [\"00060\", \"00010\"]\n[columns.v]\nsource = \"value\"\nmin = 0\nunits = \"m\"\n\
         [columns.parameter]\n[columns.station]\n[columns.time]\n"
    );
    let schema = infer(&codes, &file).unwrap();
    assert_eq!(names(&schema), ["station", "time", "parameter", "v"]);
    assert_eq!(schema.columns[2].column_type, ColumnType::Category);
    assert_eq!(schema.pivot.as_ref().unwrap().value, "v");
    let table = schema.pivoted();
    assert_eq!(names(&table), ["station", "time", "00060", "00010"]);
    assert_eq!((table.columns[3].min, table.columns[3].units.as_deref()), (Some(0.0), Some("m")));
    // Too many to be quantities.
    let many: String = (0..1_500).map(|at| format!("a,2025-01-01,x,n{at},1\n")).collect();
    let error = infer(&many, pivot).expect_err("too many").to_string();
    assert!(error.contains("the sample shows more than 1000 different texts in \"parameter\""), "{error}");
    let error = infer(rows, &format!("{pivot}columns = [\"unit\"]")).expect_err("taken").to_string();
    assert!(error.contains("holds \"unit\", and there is a column of that name"), "{error}");
}

/// A small generator (SplitMix64) for schemas nobody would write by hand.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % bound
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }

    fn text(&mut self) -> String {
        let letters: Vec<char> = "aZ_09 .-\"'\\#\t\u{7f}\u{1}\n=[]µ漢%".chars().collect();
        (0..=self.below(6)).map(|_| self.pick(&letters)).collect::<String>() + "e"
    }

    fn texts(&mut self) -> Vec<String> {
        (0..self.below(4)).map(|_| self.text()).chain([String::new()]).collect()
    }

    fn column(&mut self, name: String) -> ColumnSchema {
        let column_type = self.pick(&sections::TYPES).1;
        let is_time = matches!(column_type, ColumnType::Timestamp | ColumnType::Date);
        let is_number =
            !is_time && !matches!(column_type, ColumnType::Category | ColumnType::String | ColumnType::Bool);
        let mut limits = None;
        if self.below(2) == 0 && (is_time || is_number) {
            let (low, more) = (self.below(1 << 40), self.below(1 << 30));
            limits = match column_type {
                ColumnType::Timestamp => Some((low as f64 * 1e3 - 5e14, low as f64 * 1e3 + more as f64 - 5e14)),
                ColumnType::Date => Some((more as f64 / 1024.0 - 3e5, more as f64 / 512.0 + 1.0)),
                _ => Some((-(low as f64) / 1000.0, more as f64 / 7.0)),
            };
            if column_type == ColumnType::Date {
                limits = limits.map(|(low, high)| (low.floor(), high.floor()));
            }
        }
        let several = column_type == ColumnType::Timestamp && self.below(2) == 0;
        let zone = column_type == ColumnType::Timestamp && self.below(2) == 0;
        ColumnSchema {
            column_type,
            role: (is_number && self.below(2) == 0).then_some(Role::Value),
            source: if several { vec![self.text(), self.text()] } else { vec![self.text()] },
            format: (is_time && self.below(2) == 0).then(|| "%d/%m/%Y %H.%M.%S%.f".into()),
            timezone: zone.then(|| self.pick(&["UTC".into(), "Europe/Rome".into(), "-07:00".into()])),
            min: limits.map(|limits| limits.0),
            max: limits.map(|limits| limits.1),
            out_of_range: self.pick(&sections::VIOLATIONS).1,
            invalid: self.pick(&sections::VIOLATIONS).1,
            missing: (self.below(2) == 0).then(|| self.texts()),
            year: None,
            negate: column_type == ColumnType::Float64,
            units: (self.below(2) == 0).then(|| self.text()),
            required: self.below(2) == 0,
            name,
        }
    }

    fn schema(&mut self) -> TableSchema {
        let count = 1 + self.below(8);
        let mut columns: Vec<ColumnSchema> = (0..count)
            .map(|number| {
                let name = format!("{}{number}", self.text());
                self.column(name)
            })
            .collect();
        let dedup = (self.below(2) == 0).then(|| {
            columns[0].required = true;
            DedupSchema { key: vec![columns[0].name.clone()], keep: self.pick(&sections::KEEPS).1 }
        });
        let file = |random: &mut Random| CrsOfFiles { pattern: random.text(), source: random.text() };
        // The columns that go are in no key.
        let pivot = (count > 2 && self.below(2) == 0).then(|| {
            let name = &mut columns[count as usize - 2];
            *name = ColumnSchema {
                column_type: ColumnType::Category,
                format: None,
                timezone: None,
                min: None,
                ..name.clone()
            };
            *name = ColumnSchema { max: None, negate: false, role: None, required: false, ..name.clone() };
            name.source.truncate(1);
            let [.., name, value] = columns.as_slice() else { unreachable!() };
            PivotSchema {
                name: name.name.clone(),
                value: value.name.clone(),
                columns: vec!["µ".into(), "x".to_string() + &self.text()],
            }
        });
        TableSchema {
            json: None,
            pivot,
            csv: CsvFormat {
                layout: Layout::Delimited,
                stop_at: Some("Gb(i): \"Beam\"".into()),
                delimiter: self.pick(b";\t|"),
                quote: self.pick(&[None, Some(b'"'), Some(b'\'')]),
                decimal: self.pick(b".,"),
                comment: self.pick(&[None, Some(b'#')]),
                skip_lines: self.below(1000),
                header: true,
                header_lines: 1 + self.below(3),
                fields: (self.below(2) == 0).then(|| self.below(100)),
                encoding: "utf-8".into(),
                missing: self.texts(),
            },
            columns,
            crs: CrsSchema {
                source: (self.below(2) == 0).then(|| self.text()),
                target: (self.below(2) == 0).then(|| self.text()),
                column: None,
                files: (0..self.below(3)).map(|_| file(self)).collect(),
            },
            dedup,
            checks: Checks::default(),
        }
    }
}

#[test]
fn what_is_written_reads_back() {
    let mut random = Random(7);
    for _ in 0..2000 {
        let schema = random.schema();
        let mut notes = Notes::default();
        notes.add("", "Two lines\nin a note");
        notes.add(format!("columns.{}", schema.columns[0].name), random.text());
        let text = write(&schema, &notes);
        let back = read(&text).and_then(|file| file.resolve(None));
        let back = back.unwrap_or_else(|error| panic!("{error} {:?}\n{text}", error.hint()));
        assert_eq!(back, schema, "{text}");
    }
}
