//! Extracts of real files, and what their schema should be.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use super::*;
use crate::schema::{Layout, Role};
use crate::schema_file::{parse, write};

fn sample(text: &str) -> Sample {
    Sample {
        path: "in.csv".into(),
        head: text.as_bytes().to_vec(),
        complete: true,
        exhaustive: true,
        pieces: Vec::new(),
    }
}

/// A table of words, its columns and where they begin.
fn check_words(text: &str, skip_lines: u64, header: bool, expected: &str) {
    let inferred = infer(&[sample(text)], &SchemaFile::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let csv = &inferred.schema.csv;
    assert_eq!((&csv.layout, csv.skip_lines, csv.header), (&Layout::Spaces, skip_lines, header), "{text}");
    assert_eq!(shown(&inferred.schema), expected, "{text}");
}

#[test]
fn blanks_may_be_between_fields() {
    // SURFRAD: place and position above rows without a header.
    check_words(
        " Alamosa\n   37.70  105.92 2317 m version 1\n 2016  0  91.65    -1.8\n 2016  1  91.83    -1.8\n",
        2,
        false,
        "column_1:int32 | column_2:int32 | column_3:float32 | column_4:float32",
    );
    // Buoys of NDBC: the header is a comment, as are the units below it.
    let buoy =
        "#YY  MM DD hh mm WDIR WSPD\n#yr  mo dy hr mn degT m/s\n2024 01 01 00 00 140  7.0\n2024 01 01 00 10 150  7.5\n";
    check_words(buoy, 0, true, "timestamp:timestamp=time@%Y %m %d %H %M | WDIR:int32 | WSPD:float32");
    check_words(
        "# made by us\n# when value\n2024-01-01T00:00Z 1.5\n2024-01-01T01:00Z 2.5\n",
        1,
        true,
        "when:timestamp=time | value:float32",
    );
}

#[test]
fn names_may_stand_below_what_columns_share() {
    let text = "Title: ash\n,,VOLCANIC,VOLCANIC,\n,,g/m3,g/m3,\nLongitude,Latitude,low,high,\n-85.0,69.67,1.5,2.5,\n-85.0,70.14,1.5,2.5,\n";
    let schema = infer(&[sample(text)], &SchemaFile::default()).unwrap().schema;
    assert_eq!(shown(&schema), "Longitude:float64=x | Latitude:float64=y | low:float32 | high:float32");
    assert_eq!((schema.csv.skip_lines, schema.csv.header_lines), (3, 1));
}

#[test]
fn an_index_of_times_needs_no_name() {
    let columns = |text: &str| shown(&infer(&[sample(text)], &SchemaFile::default()).unwrap().schema);
    let text = ",Year,v\n2019-01-01 00:00:00-07:00,2019,1.5\n2019-01-01 00:05:00-07:00,2019,2.5\n";
    assert_eq!(columns(text), "column_1:timestamp=time | Year:int32 | v:float32");
    assert_eq!(columns(",v\n0,1.5\n1,2.5\n"), "v:float32");
}

#[test]
fn text_is_no_table_of_words() {
    let prose = "These are four words\nand here are four\n";
    for text in [prose, "1 2 3\n1 2\n1 2 3 4\n1\n", " 62010101000?00\n 62010102000?0 0\n"] {
        let error = infer(&[sample(text)], &SchemaFile::default()).expect_err(text);
        assert!(error.hint().is_some_and(|hint| hint.contains("widths = [")), "{error}");
    }
}

#[test]
fn times_are_put_together_from_several_columns() {
    let columns = |text: &str| shown(&infer(&[sample(text)], &SchemaFile::default()).unwrap().schema);
    assert_eq!(
        columns("Year,DOY,MST,v\n2018,291,0,1.5\n2018,291,30,1.5\n2018,291,130,1.5\n2018,291,1430,1.5\n"),
        "timestamp:timestamp=time@%Y %j %H%M | v:float32"
    );
    assert_eq!(
        columns("year,month,day,hour,v\n2018,1,31,1,1.5\n2018,1,31,24,1.5\n"),
        "timestamp:timestamp=time@%Y %m %d %H | v:float32"
    );
    assert_eq!(
        columns("Year,Month,Day,v\n2018,1,31,1.5\n2018,2,1,1.5\n"),
        "timestamp:timestamp=time@%Y %m %d | v:float32"
    );
    for text in [
        // Minutes of one hour, or hours of the day: who knows.
        "Year,DOY,MST,v\n2018,291,0,1.5\n2018,291,1,1.5\n",
        // Minutes of the day.
        "Year,DOY,MST,v\n2018,291,0,1.5\n2018,291,75,1.5\n2018,291,1430,1.5\n",
        // The hour would be lost.
        "Year,Month,Day,v,hour\n2018,1,31,1.5,3\n2018,2,1,1.5,4\n",
        // No such month.
        "Year,Month,Day,v\n2018,13,31,1.5\n2018,2,1,1.5\n",
    ] {
        assert!(!columns(text).contains("timestamp"), "{text}");
    }
}

/// Columns as `name:type`, with `=role` and `@format` where there are some.
fn shown(schema: &TableSchema) -> String {
    let mut out = Vec::new();
    for column in &schema.columns {
        let role = match column.role {
            Some(Role::Sensor) => "=sensor",
            Some(Role::Time) => "=time",
            Some(Role::X) => "=x",
            Some(Role::Y) => "=y",
            Some(Role::Value) | None => "",
        };
        let format = column.format.as_ref().map_or(String::new(), |format| format!("@{format}"));
        let column_type = format!("{:?}", column.column_type).to_lowercase();
        out.push(format!("{}:{column_type}{role}{format}", column.name));
    }
    out.join(" | ")
}

/// How the text is written, with the markers of the table and of columns that have their own.
fn csv(schema: &TableSchema) -> String {
    let csv = &schema.csv;
    let (delimiter, decimal) = (csv.delimiter as char, csv.decimal as char);
    let mut out = format!("{delimiter:?} {decimal:?} {} {} {}", csv.skip_lines, csv.header, csv.missing.join("/"));
    for column in &schema.columns {
        let own = column.missing.as_ref().map(|missing| format!(" {}:{}", column.name, missing.join("/")));
        out.push_str(&own.unwrap_or_default());
    }
    out
}

fn check(text: &str, expected_csv: &str, expected: &str, key: &[&str]) {
    let inferred = infer(&[sample(text)], &SchemaFile::default()).unwrap();
    assert_eq!(shown(&inferred.schema), expected, "{text}");
    assert_eq!(csv(&inferred.schema), expected_csv, "{text}");
    let got = inferred.schema.dedup.clone().map(|dedup| dedup.key).unwrap_or_default();
    assert_eq!(got, key, "{text}");
    let written = write(&inferred.schema, &inferred.notes);
    let back = parse(&written, Path::new("s.toml")).unwrap().resolve(None);
    assert_eq!(back.unwrap_or_else(|error| panic!("{error}\n{written}")), inferred.schema, "{written}");
}

#[test]
fn real_files_are_understood() {
    check(
        "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n\
         5331;SDS011;3121;57.138;-2.077;2018-04-01T10:00:55;10.50;;;2.33;;\n\
         5331;SDS011;3121;57.138;-2.077;2018-04-01T10:03:26;3.33;;;2.00;;\n\
         5331;SDS011;3121;57.138;-2.077;2018-04-01T10:05:53;10.90;;;2.37;;\n\
         5331;SDS011;3121;57.138;-2.077;2018-04-01T10:08:21;4.00;;;2.50;;\n\
         5331;SDS011;3121;",
        "';' '.' 0 true ",
        "sensor_id:category=sensor | sensor_type:category | location:int32 | lat:float64=y | lon:float64=x | \
         timestamp:timestamp=time | P1:float32 | durP1:string | ratioP1:string | P2:float32 | durP2:string | \
         ratioP2:string",
        &["sensor_id", "timestamp"],
    );
    check(
        "DateTime;Ozone;Nitrogen Dioxide;PM10;PM2.5\n2017-10-01 01:00:00;19;24;9;6\n2017-10-01 02:00:00;20;24;6;-1\n\
         2019-06-08 23:00:00;;;;\n2019-06-09 00:00:00;;;;",
        "';' '.' 0 true ",
        "DateTime:timestamp=time | Ozone:int32 | Nitrogen Dioxide:int32 | PM10:int32 | PM2.5:int32",
        &[],
    );
    check(
        "datetime,temp,temp_cor,temp_qual\r\n2014-05-30 14:30:00.000,0.577,NULL,NULL\r\n\
         2014-05-30 15:45:00.000,-9999,NULL,NULL\r\n2014-05-30 16:00:00.000,11.77,11.7700000001,NULL\r\n",
        "',' '.' 0 true /NULL temp:/NULL/-9999",
        "datetime:timestamp=time | temp:float32 | temp_cor:float64 | temp_qual:string",
        &[],
    );
    check(
        "\u{feff}DO,,\r\nstart,end,gap\r\n2014-02-26 15:00,2014-04-24 12:00,-0.3\r\n2014-07-09 14:15,2014-07-29 13:00,-0.06",
        "',' '.' 1 true ",
        "start:timestamp=time | end:timestamp | gap:float32",
        &[],
    );
    check(
        "Date;Time;CO(GT);NMHC(GT);T;;\r\n10/03/2004;18.00.00;2,6;150;13,6;;\r\n25/03/2004;19.00.00;2;-200;-1,9;;\r\n\
         10/04/2004;20.00.00;2,2;-200;-200;;\r\n10/04/2004;21.00.00;2,2;88;9,1;;\r\n10/04/2004;22.00.00;2,2;88;-200;;\r\n;;;;;;\r\n",
        "';' ',' 0 true  NMHC(GT):/-200 T:/-200",
        "timestamp:timestamp=time@%d/%m/%Y %H.%M.%S | CO(GT):float32 | NMHC(GT):int32 | T:float32",
        &[],
    );
    check(
        "Date,Time,CO(GT),T\r\n2004-03-10,18:00:00,2.6,13.599999904633\r\n2004-03-10,19:00:00,2.0,13.299999952316\r\n",
        "',' '.' 0 true ",
        "timestamp:timestamp=time | CO(GT):float32 | T:float64",
        &[],
    );
    check(
        "city,country,date.utc,location,parameter,value,unit\nAntwerpen,BE,2019-06-18 06:00:00+00:00,BETR801,pm25,18.0,µg/m³\n\
         Antwerpen,BE,2019-06-17 08:00:00+00:00,BETR801,pm25,6.5,µg/m³\nAntwerpen,BE,2019-06-17 08:00:00+00:00,BETR801,no2,6.5,µg/m³\n\
         Antwerpen,BE,2019-06-17 08:00:00+00:00,BETR801,no2,6.5,µg/m³\nAntwerpen,BE,2019-06-17 08:00:00+00:00,BETR801,no2,6.5,µg/m³\n\
         Antwerpen,BE,2019-06-17 08:00:00+00:00,BETR801,no2,6.5,µg/m³\nAntwerpen,BE,2019-06-17 09:00:00+00:00,BETR801,no2,6.5,µg/m³\n\
         Antwerpen,BE,2019-06-17 10:00:00+00:00,BETR801,no2,6.5,µg/m³\n",
        "',' '.' 0 true ",
        "city:category | country:category | date.utc:timestamp=time | location:category=sensor | parameter:category | \
         value:float32 | unit:category",
        &["location", "date.utc", "parameter"],
    );
    check(
        "iata,name,city,state,country,latitude,longitude\n00M,Thigpen,Bay Springs,MS,USA,31.95376472,-89.23450472\n\
         00R,Livingston Municipal,Livingston,TX,USA,30.68586111,-95.01792778\n",
        "',' '.' 0 true ",
        "iata:string | name:string | city:string | state:string | country:string | latitude:float64=y | longitude:float64=x",
        &[],
    );
    check(
        "location,date,precipitation,weather\nSeattle,2012-01-01,0.0,drizzle\nSeattle,2012-01-02,10.9,rain\n",
        "',' '.' 0 true ",
        "location:category=sensor | date:date=time | precipitation:float32 | weather:string",
        &["location", "date"],
    );
}

#[test]
fn odd_files_are_understood() {
    check(
        "# Title: made up\n# time;value\n2020-01-01T00:00;1.5\n2020-01-01T01:00;2.5\n",
        "';' '.' 1 true ",
        "time:timestamp=time | value:float32",
        &[],
    );
    check(
        "# note, with commas\nid\tts\tvalue\n007\t1583000000\t1\n008\t1583000300\t5000000000\n",
        "'\\t' '.' 0 true ",
        "id:string | ts:timestamp=time@epoch_s | value:int64",
        &[],
    );
    check(
        "2020-01-01 00:00|A|1.5|true\n2020-01-01 01:00|B|2.5|false\n",
        "'|' '.' 0 false ",
        "column_1:timestamp=time | column_2:string | column_3:float32 | column_4:bool",
        &[],
    );
    check(
        "Station: Alamosa\nElevation: 2317 m\n\nsite,time,t\na,2020-01-01T00:00Z,1.5\na,2020-01-01T01:00Z,2.5\nb,2020-01-01T01:00Z,2.5\n",
        "',' '.' 3 true ",
        "site:category=sensor | time:timestamp=time | t:float32",
        &["site", "time"],
    );
    check(
        "elevation,temp\n-999,1.5\n-500,2\n200,-999\n700,3\n",
        "',' '.' 0 true  temp:/-999",
        "elevation:int32 | temp:float32",
        &[],
    );
    check(
        "name,\"damage, total\",note\n\"a\nb\",1,None\nc,None,None\nd,2,\"x\"\"y\"\n",
        "',' '.' 0 true  damage, total:/None",
        "name:string | damage, total:int32 | note:string",
        &[],
    );
}

#[test]
fn a_sample_that_is_not_all_says_so() {
    let note = |exhaustive: bool| {
        let sample = Sample { exhaustive, ..sample("t,v\n2020-01-01,1\n") };
        let inferred = infer(&[sample], &SchemaFile::default()).unwrap();
        inferred.notes.at("csv.missing").iter().any(|note| note.contains("no sampled row shows"))
    };
    assert!(note(false) && !note(true));
}

#[test]
fn malformed_rows_do_not_change_types() {
    let mut text = String::from("sensor_id,timestamp,pm25\n");
    for row in 0..1000 {
        text += &match row {
            100 => "ENV-1,2025-03-01T00:00:00Z,ERR#7\n".to_string(),
            200 => "ENV-1,2025-13-45T99:00:00Z,1.25\n".to_string(),
            300 => "ENV-1,2025-03\n".to_string(),
            400 => ",2025-03-01T00:00:00Z,1.25,3.1,overflow\n".to_string(),
            row => format!("ENV-{},2025-03-01T{:02}:00:00Z,{}.25\n", row % 7, row % 24, row),
        };
    }
    let inferred = infer(&[sample(&text)], &SchemaFile::default()).unwrap();
    let expected = "sensor_id:category=sensor | timestamp:timestamp=time | pm25:float32";
    assert_eq!(shown(&inferred.schema), expected);
    let notes = inferred.notes.at("columns.pm25").join("; ");
    assert!(notes.contains("1 of 998 sampled values are not a number, like \"ERR#7\""), "{notes}");
    let notes = inferred.notes.at("csv").join("; ");
    assert!(notes.contains("2 sampled rows have another number of fields"), "{notes}");
}

#[test]
fn what_only_a_person_can_say_is_asked_for() {
    let hints = SchemaFile::default();
    for (text, code, wanted, hint) in [
        ("date,v\n01/02/2020,1\n03/04/2020,2\n", 2, "cannot tell day from month", "format = \"%d/%m/%Y\""),
        (
            "x,y,v\n500000.5,5800000.1,1\n500001.5,5800000.2,2\n",
            2,
            "\"x\" goes from 500000.5 to 500001.5",
            "[crs] source",
        ),
        ("one column\nof text\n", 2, "cannot tell what is between", "delimiter"),
        (
            "a;b;c\n1;2;3;4\n1;2;3;4\n1;2;3;4\n",
            5,
            "in.csv, line 1: the header names 3 columns, the rows have 4",
            "header = false",
        ),
        ("", 5, "in.csv: the file is empty", "rows"),
        ("a,b,c\n", 5, "there are no rows", "types"),
        ("a,b\0\n", 5, "byte 3: there is a zero byte", ""),
        ("a,b\n1\0,2\n\0,3\n", 5, "byte 5: there is a zero byte", ""),
    ] {
        let error = infer(&[sample(text)], &hints).expect_err(text);
        assert_eq!(error.exit_code(), code, "{text}: {error}");
        assert!(error.to_string().contains(wanted), "{text}: {error}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint());
    }
    let latin = Sample { head: b"a,b\n\xb5g,2\n".to_vec(), ..sample("") };
    assert!(infer(&[latin], &hints).expect_err("latin-1").to_string().contains("byte 4: the text is not UTF-8"));
    let two = [sample("a,b\n1,2\n"), sample("a;b\n1;2\n")];
    assert!(
        infer(&two, &hints).expect_err("two delimiters").to_string().contains("delimiter is , in in.csv, and ; in")
    );
    // Decimal commas split rows as well as the delimiter of the file before does, and no header goes with them.
    for (header, row) in [("time;t", "2025-03-01T00:00;1,5\n"), ("time;a;t", "2025-03-01T00:00;1;1,5\n")] {
        let commas = sample(&format!("time,t\n{}", "2025-03-01T00:00,1.5\n".repeat(30)));
        let two = [commas, sample(&format!("{header}\n{}", row.repeat(30)))];
        let error = infer(&two, &hints).expect_err("two delimiters").to_string();
        assert!(error.contains("delimiter is , in in.csv, and ; in"), "{error}");
    }
}

#[test]
fn what_a_person_says_is_taken() {
    let path = Path::new("s.toml");
    let hints = parse("[columns.date]\ntype = \"date\"\nformat = \"%d/%m/%Y\"\n[columns.v]\n", path).unwrap();
    let inferred = infer(&[sample("date,v,w\n01/02/2020,1,a\n03/04/2020,2,b\n")], &hints).unwrap();
    let schema = hints.resolve(Some(&inferred.schema)).unwrap();
    assert_eq!(shown(&schema), "date:date@%d/%m/%Y | v:int32");
    let hints = parse("[csv]\nskip_lines = 1\nheader = false\n", path).unwrap();
    let inferred = infer(&[sample("a;b\n1;2;3\n1;2;3\n1;2;3\n")], &hints).unwrap();
    assert_eq!(shown(&inferred.schema), "column_1:int32 | column_2:int32 | column_3:int32");
    let hints = parse("[crs]\nsource = \"EPSG:32633\"\n", path).unwrap();
    let inferred = infer(&[sample("x,y,v\n500000.5,5800000.1,1\n500001.5,5800000.2,2\n")], &hints).unwrap();
    assert_eq!(shown(&inferred.schema), "x:float64=x | y:float64=y | v:int32");
}

#[test]
fn columns_of_several_files_are_joined() {
    let one = sample("t,a\n2020-01-01,1\n");
    let two = sample("t,b\n2020-01-02,2.5\n");
    let inferred = infer(&[one, two, sample("")], &SchemaFile::default()).unwrap();
    assert_eq!(shown(&inferred.schema), "t:date=time | a:int32 | b:float32");
    assert_eq!(inferred.notes.at("columns.b")[0], "in 1 of 2 sampled files");
}

/// Real files, where they are at hand: set `SWATH_CORPUS` to their folder.
#[test]
fn the_corpus_is_understood() {
    let Ok(corpus) = std::env::var("SWATH_CORPUS") else {
        println!("skipped: SWATH_CORPUS is not set");
        return;
    };
    let folder = PathBuf::from(corpus).join("telemetry");
    let luftdaten = "sensor_id:category=sensor | sensor_type:category | location:int32 | lat:float64=y | lon:float64=x | \
                     timestamp:timestamp=time | P1:float32 | durP1:string | ratioP1:string | P2:float32 | durP2:string | \
                     ratioP2:string";
    for (files, expected) in [
        ("luftdaten_days", luftdaten),
        ("luftdaten_odd", luftdaten),
        ("AirQualityUCI.csv", "timestamp:timestamp=time@%d/%m/%Y %H.%M.%S | CO(GT):float32 | PT08.S1(CO):int32"),
        (
            "AirQuality.csv",
            "timestamp:timestamp=time | CO(GT):float32 | PT08.S1(CO):float64 | NMHC(GT):int32 | C6H6(GT):float64",
        ),
        ("council", "DateTime:timestamp=time | Ozone:int32 | Nitrogen Dioxide:int32 | PM10:int32 | PM2.5:int32"),
        (
            "logan_river/FranklinBasin2017_2019.csv",
            "datetime:timestamp=time | temp:float32 | cond:float32 | ph:float32 | do:float32",
        ),
        ("logan_river/MS2018.csv", "datetime:timestamp=time | temp:float32 | cond:float32 | ph:float32 | do:float32"),
        (
            "logan_river/TonyGrove2014.csv",
            "datetime:timestamp=time | temp:float32 | temp_cor:float32 | temp_qual:int32",
        ),
        ("logan_river/Mendon2019.csv", "datetime:timestamp=time | temp:float32"),
        ("logan_river/MainStreet_do_calib_dates.csv", "start:timestamp=time | end:timestamp | gap:float32"),
        (
            "openaq/air_quality_long.csv",
            "city:category | country:category | date.utc:timestamp=time | location:category=sensor",
        ),
        ("openaq/air_quality_no2.csv", "datetime:timestamp=time | station_antwerp:float32"),
        (
            "vega/airports.csv",
            "iata:string | name:string | city:string | state:category | country:category | latitude:float64=y",
        ),
        ("vega/birdstrikes.csv", "Airport Name:category | Aircraft Make Model:category"),
        ("vega/seattle-weather.csv", "date:date=time | precipitation:float32"),
        ("vega/seattle-weather-hourly-normals.csv", "date:timestamp=time | pressure:float32"),
        ("vega/weather.csv", "location:category=sensor | date:date=time"),
        ("vega/windvectors.csv", "longitude:float64=x | latitude:float64=y | dir:int32 | dirCat:int32 | speed:float32"),
    ] {
        let inferred =
            infer(&real(&folder.join(files)), &SchemaFile::default()).unwrap_or_else(|e| panic!("{files}: {e}"));
        println!("== {files}: {}\n{}", csv(&inferred.schema), shown(&inferred.schema));
        let got = shown(&inferred.schema);
        assert!(got.starts_with(expected), "{files}\n got: {got}\nwanted: {expected}");
        let written = write(&inferred.schema, &inferred.notes);
        if std::env::var("SWATH_CORPUS_SHOW").is_ok() {
            println!("{written}");
        }
        let back = parse(&written, Path::new("s.toml")).unwrap().resolve(None).unwrap();
        assert_eq!(back, inferred.schema, "{written}");
    }
}

/// The samples of a file, or of all CSV files of a folder.
fn real(path: &Path) -> Vec<Sample> {
    let mut paths = vec![path.to_path_buf()];
    if path.is_dir() {
        paths = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
        paths.sort();
    }
    let sized: Vec<(PathBuf, u64)> =
        paths.iter().map(|path| (path.clone(), std::fs::metadata(path).unwrap().len())).collect();
    let read = |file: &FileSample, range: std::ops::Range<u64>| {
        Ok(std::fs::read(&file.path).unwrap()[range.start as usize..range.end as usize].to_vec())
    };
    sample::take(&sized).read_with(0, read).unwrap()
}

#[test]
fn headers_with_fewer_names_than_rows_have_fields() {
    let text = "made by x\na;b\n1;2;c\n3;4;d\n5;6;e\n";
    let error = infer(&[sample(text)], &SchemaFile::default()).expect_err("nobody says where the surplus stands");
    assert!(error.hint().unwrap_or_default().contains("fields = 3 to name those beyond column_3"), "{error:?}");
    let mut given = SchemaFile::default();
    given.csv.fields = Some(3);
    let inferred = infer(&[sample(text)], &given).expect("a table");
    let csv = &inferred.schema.csv;
    assert_eq!((csv.header, csv.skip_lines, csv.header_lines, csv.fields), (true, 1, 1, Some(3)));
    let names: Vec<&str> = inferred.schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "column_3"]);
}

#[test]
fn without_a_header_every_line_is_a_row() {
    let text = "1;2020-01-01\n2;2020-01-02;5\n3;2020-01-03;6\n4;2020-01-04;7\n";
    let mut given = SchemaFile::default();
    let inferred = infer(&[sample(text)], &given).expect("a table");
    assert_eq!(inferred.schema.csv.skip_lines, 1);
    let warnings = inferred.warnings(&given, &inferred.schema);
    assert!(warnings[0].contains("the first line stands above the table and is left out"), "{warnings:?}");
    given.csv.header = Some(false);
    assert_eq!(infer(&[sample(text)], &given).expect("a table").schema.csv.skip_lines, 0);
}

#[test]
fn lines_below_the_names_that_are_no_rows() {
    let given = SchemaFile::default();
    let header_lines = |text: &str| infer(&[sample(text)], &given).expect(text).schema.csv.header_lines;
    assert_eq!(header_lines("site\tv\td\n5s\t8n\t10d\na\t1\t2020-01-01\nb\t2\t2020-01-02\n"), 2);
    assert_eq!(header_lines("time,temp\n,deg C\nUTC,mean\n2020-01-01,1.5\n2020-01-02,2.5\n"), 3);
    // A row without a value, a word for what is missing, a row of text, and text alone are rows.
    for text in [
        "site,v\na,NULL\nb,1\nc,2\n",
        &format!("site,v\na,MM\n{}b,MM\n", "b,1\n".repeat(20)),
        "site,note\na,b\nc,d\n",
        "time,v\n2020-01-01,x\n2020-01-02,1\n2020-01-03,2\n",
    ] {
        assert_eq!(header_lines(text), 1, "{text}");
    }
    let said = infer(&[sample("a,b\nm,s\n1,2\n3,4\n")], &given).expect("a table");
    assert!(said.warnings(&given, &said.schema)[0].contains("the line below the names is taken for units"));
}

#[test]
fn types_of_files_win_and_only_their_texts_are_looked_at() {
    let text = "\"sensor\",\"when\",\"code\",\"x\",\"timestamp\",\"n\",\"i\"\n".to_string()
        + &(10..60i64)
            .map(|row| {
                format!(
                    "{},\"2025-03-01T10:{row}:00Z\",\"{row}\",1,2025-03-01T10:00:{row},1.5,{}\n",
                    row % 3,
                    row << 32
                )
            })
            .collect::<String>();
    let mut types = FileTypes::default();
    let file = |column_type| FileType { column_type, in_utc: false };
    for (name, column_type) in [
        ("sensor", ColumnType::Int32),
        ("when", ColumnType::String),
        ("code", ColumnType::String),
        ("x", ColumnType::Float32),
        ("timestamp", ColumnType::Timestamp),
        ("n", ColumnType::Float64),
        ("i", ColumnType::Int32),
    ] {
        types.add(name, file(column_type));
    }
    types.add("i", file(ColumnType::Int64));
    let inferred = look_typed(&[sample(&text)], &SchemaFile::default(), &types).unwrap();
    assert_eq!(
        shown(&inferred.schema),
        "sensor:category=sensor | when:timestamp | code:string | x:float32 | timestamp:timestamp=time | n:float64 | i:int64"
    );
}
