//! Texts and what they become.

use swath_table::reject::Reason;
use swath_table::schema::Role;

use super::*;
use ColumnType::{Bool, Category, Date, Float32, Float64, Int32, Int64, String as Text, Timestamp};

/// Checks rows (without offsets) and rejects (`line:column:reason:detail`).
pub(super) fn check(schema: &TableSchema, text: &str, rows: &[&str], rejects: &[&str]) {
    check_bytes(schema, text.as_bytes(), rows, rejects);
}

fn check_bytes(schema: &TableSchema, text: &[u8], rows: &[&str], rejects: &[&str]) {
    let data = text.to_vec();
    let shown = String::from_utf8_lossy(text);
    for level in [Level::Portable, Level::detect()] {
        let reading = Reading::new(schema, &data);
        let mut workspace = Workspace::with_level(ReadOptions::default(), level);
        let (report, output) = reading.whole(&mut workspace);
        let got: Vec<&str> = output.rows.iter().map(|row| row.splitn(3, ':').nth(2).expect("three parts")).collect();
        assert_eq!(got, rows, "{shown}");
        let got: Vec<String> = output
            .rejects
            .iter()
            .map(|reject| {
                let column = reject.column.map_or("-".into(), |column| column.to_string());
                format!("{}:{column}:{}:{}", reject.line, reject.reason, reject.detail)
            })
            .collect();
        assert_eq!(got, rejects, "{shown}");
        assert_eq!(report.end, data.len() as u64);
        let newlines = data[report.first_record as usize..].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(report.lines, newlines as u64, "{shown}");
    }
}

#[test]
fn numbers_are_strict_and_exact() {
    let schema = table(vec![
        column("i", Int32),
        column("j", Int64),
        column("f", Float32),
        column("d", Float64),
        column("b", Bool),
    ]);
    check(
        &schema,
        "i,j,f,d,b\n1,2,3.5,4.25,true\n-7, +8 ,-0.5,1e3,F\n,,,,\n0,,nan,NaN,yes\n2147483647,9223372036854775807,.5,5.,0\n-2147483648,-9223372036854775808,1E-2,+1,NO\n",
        &[
            "1|2|3.5|4.25|1",
            "-7|8|-0.5|1000|0",
            "0|-|-|-|1",
            "2147483647|9223372036854775807|0.5|5|0",
            "-2147483648|-9223372036854775808|0.01|1|0",
        ],
        &[],
    );
    for (row, column, detail) in [
        ("2147483648,,,,", 0, "wanted an int32, got \"2147483648\""),
        ("1.0,,,,", 0, "wanted an int32, got \"1.0\""),
        (",9223372036854775808,,,", 1, "wanted an int64, got \"9223372036854775808\""),
        (",1-,,,", 1, "wanted an int64, got \"1-\""),
        (",,inf,,", 2, "wanted a float32, got \"inf\""),
        (",,ERR#7,,", 2, "wanted a float32, got \"ERR#7\""),
        (",,1e39,,", 2, "wanted a float32, got \"1e39\""),
        (",,,0x10,", 3, "wanted a float64, got \"0x10\""),
        (",,,1 2,", 3, "wanted a float64, got \"1 2\""),
        (",,,.,", 3, "wanted a float64, got \".\""),
        (",,,1.2.3,", 3, "wanted a float64, got \"1.2.3\""),
        (",,,1e,", 3, "wanted a float64, got \"1e\""),
        (",,x,y,maybe", 2, "wanted a float32, got \"x\""),
        (",,,,maybe", 4, "wanted a bool, got \"maybe\""),
    ] {
        let text = format!("i,j,f,d,b\n1,1,1,1,1\n{row}\n2,2,2,2,0\n");
        check(&schema, &text, &["1|1|1|1|1", "2|2|2|2|0"], &[&format!("1:{column}:invalid_value:{detail}")]);
    }
}

#[test]
fn quotes_newlines_blanks_and_comments() {
    let mut schema = table(vec![column("a", Text), column("b", Category), column("n", Float64)]);
    schema.csv.comment = Some(b'#');
    check(
        &schema,
        "a,b,n\n\"x,\"\"y\"\"\nz\",k,1\r\n\n , ,\t\n#\"no,\"\nq\"uo\"te,\"l\",\"2.5\"\n\"\",\"\"\"\",\n\"a\rb\",c\rd,3\n'e',f,4",
        &["x,\"y\"\nz|k|1", "q\"uo\"te|l|2.5", "-|\"|-", "a\rb|c\rd|3", "'e'|f|4"],
        &[],
    );
    check(
        &schema,
        "a,b,n\n\"x\"y,k,1\nx,k,1,2\nx,k\nx,\"k\" ,1\n\"a,b,1\nb,k,2\n",
        &["b|k|2"],
        &[
            "0:-:malformed_quotes:wanted a delimiter or a line end after the closing quote, got text",
            "1:-:field_count:wanted 3 fields, got 4",
            "2:-:field_count:wanted 3 fields, got 2",
            "3:-:malformed_quotes:wanted a delimiter or a line end after the closing quote, got text",
            "4:-:malformed_quotes:wanted a closing quote, got the end of the file",
        ],
    );
    schema.csv.quote = None;
    check(&schema, "a,b,n\n\"x\",k\",1\n\"\n", &["\"x\"|k\"|1"], &["1:-:field_count:wanted 3 fields, got 1"]);
}

#[test]
fn a_field_without_a_name_goes_by_its_number() {
    let schema = table(vec![column("column_1", Timestamp), column("v", Int32), column("column_3", Text)]);
    check(&schema, ",v,column_3\n1970-01-01,1,x\n", &["0|1|x"], &[]);
}

#[test]
fn columns_are_found_by_name_and_trailing_unnamed_fields_are_skipped() {
    let mut renamed = column("t", Float32);
    renamed.source = vec!["Temp".into()];
    let mut schema = table(vec![column("id", Category), renamed, column("gone", Text)]);
    schema.csv.delimiter = b';';
    schema.csv.decimal = b',';
    check(
        &schema,
        "x; Temp ;id;;\r\n9;20,5;a;;\r\n;;;;\r\n8;-1;b;;\r\n8;-1;b\r\n7;1.5;c;;",
        &["a|20.5|-", "b|-1|-"],
        &["3:-:field_count:wanted 5 fields, got 3", "4:1:invalid_value:wanted a float32, got \"1.5\""],
    );
    schema.columns[2].required = true;
    let error = ParsePlan::new(Path::new("f.csv"), &schema, &[b"id".to_vec(), b"Temp".to_vec()]).expect_err("gone");
    assert_eq!(error.to_string(), "f.csv: wanted a column \"gone\", got \"id\", \"Temp\"");
    schema.columns[2].required = false;
    let plan = ParsePlan::new(Path::new("f.csv"), &schema, &[b"id".to_vec(), b"Temp".to_vec()]).expect("a plan");
    assert_eq!((plan.absent(), plan.expected_fields()), (&[2][..], 2));
    let error = ParsePlan::new(Path::new("f.csv"), &schema, &[b"other".to_vec()]).expect_err("nothing is there");
    assert_eq!(error.exit_code(), 5);
    schema.columns[0].source = vec!["id".into(), "Temp".into()];
    let error =
        ParsePlan::new(Path::new("f.csv"), &schema, &[b"id".to_vec(), b"Temp".to_vec()]).expect_err("two sources");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn missing_markers_required_values_and_bounds() {
    let mut id = column("id", Category);
    id.required = true;
    let mut lat = column("lat", Float64);
    (lat.role, lat.min, lat.max) = (Some(Role::Y), Some(-90.0), Some(90.0));
    let mut pm = column("pm", Float32);
    (pm.min, pm.max, pm.missing) = (Some(0.0), None, Some(vec!["-9999".into(), "NULL".into()]));
    let mut rh = column("rh", Float32);
    (rh.max, rh.out_of_range, rh.invalid) = (Some(100.0), Violation::Null, Violation::Null);
    let schema = table(vec![id, lat, pm, rh]);
    check(
        &schema,
        "id,lat,pm,rh\na,1,-9999,99\na,1, NULL ,100.5\na,,1,bad\n,1,1,1\na,90.5,1,1\na,1,-1,1\na,1,,1\n ,x,x,x\na,x,-5,7\n",
        &["a|1|-|99", "a|1|-|-", "a|-|1|-"],
        &[
            "3:0:missing_key:wanted a category, got nothing",
            "4:1:coordinate_out_of_bounds:wanted -90 to 90, got \"90.5\"",
            "5:2:out_of_range:wanted at least 0, got \"-1\"",
            "6:2:invalid_value:wanted a float32, got \"\"",
            "7:0:missing_key:wanted a category, got nothing",
            "8:1:invalid_value:wanted a float64, got \"x\"",
        ],
    );
    let data = b"id,lat,pm,rh\na,1,1,bad\nb,1,1,200\n,1,1,bad\n".to_vec();
    let reading = Reading::new(&schema, &data);
    let (report, _) = reading.whole(&mut Workspace::new(ReadOptions::default()));
    assert_eq!((report.nulled, report.rejected), (2, 1));
    let interned = reading.interner.texts_from(0);
    assert_eq!(interned, [b"a".to_vec(), b"b".to_vec()]);
}

#[test]
fn times_in_columns() {
    let mut when = column("when", Timestamp);
    when.source = vec!["Date".into(), "Time".into()];
    when.format = Some("%d/%m/%Y %H.%M.%S".into());
    when.timezone = Some("Europe/Rome".into());
    let mut day = column("day", Date);
    day.source = vec!["Date".into()];
    day.format = Some("%d/%m/%Y".into());
    let mut epoch = column("e", Timestamp);
    epoch.format = Some("epoch_s".into());
    epoch.max = Some(2e15);
    let schema = table(vec![when, day, epoch]);
    check(
        &schema,
        "Time,Date,e\n18.00.00,10/03/2004,1.5\n18.00.00,10/07/2004,\n,10/07/2004,-1\n18.00.00,30/02/2004,1\n18.00,10/03/2004,1\n18.00.00,10/03/2004,3000000000\n",
        &["1078938000000000|12487|1500000", "1089475200000000|12609|-", "-|12609|-1000000"],
        &[
            "3:0:invalid_time:wanted a timestamp (%d/%m/%Y %H.%M.%S), got \"30/02/2004 18.00.00\"",
            "4:0:invalid_time:wanted a timestamp (%d/%m/%Y %H.%M.%S), got \"10/03/2004 18.00\"",
            "5:2:time_out_of_bounds:wanted at most 2033-05-18T03:33:20Z, got \"3000000000\"",
        ],
    );
}

#[test]
fn limits_of_times_are_shown_as_times() {
    let mut when = column("when", Timestamp);
    (when.min, when.max) = (Some(1.5e15), Some(2e15));
    let mut day = column("day", Date);
    day.min = Some(12_000.0);
    check(
        &table(vec![when, day]),
        "when,day\n2025-03-01,2025-03-01\n2001-03-01,2025-03-01\n2025-03-01,2001-03-01\n",
        &["1740787200000000|20148"],
        &[
            "1:0:time_out_of_bounds:wanted 2017-07-14T02:40:00Z to 2033-05-18T03:33:20Z, got \"2001-03-01\"",
            "2:1:time_out_of_bounds:wanted at least 2002-11-09, got \"2001-03-01\"",
        ],
    );
}

#[test]
fn limits_of_32_bit_floats_are_rounded_as_values_are() {
    let mut low = column("low", Float32);
    low.min = Some(0.7);
    let mut high = column("high", Float32);
    high.max = Some(0.1);
    check(
        &table(vec![low, high]),
        "low,high\n0.7,0.1\n0.69,0.1\n0.7,0.11\n",
        &["0.7|0.1"],
        &["1:0:out_of_range:wanted at least 0.7, got \"0.69\"", "2:1:out_of_range:wanted at most 0.1, got \"0.11\""],
    );
}

#[test]
fn text_must_be_utf_8() {
    let schema = table(vec![column("a", Text), column("b", Category)]);
    check_bytes(
        &schema,
        b"a,b\n\xc3\xa9,\xc3\xa9\nx\xff,y\nx,\xe9\nlong text of more than sixteen bytes,another such text here\nlong,another such text here\n",
        &["é|é", "long text of more than sixteen bytes|another such text here", "long|another such text here"],
        &["1:0:invalid_encoding:wanted utf-8 without zero bytes, got \"x\\xff\"", "2:1:invalid_encoding:wanted utf-8 without zero bytes, got \"\\xe9\""],
    );
}

#[test]
fn records_that_are_too_long_cost_one_line() {
    let schema = table(vec![column("a", Text), column("b", Int32)]);
    let long = "x".repeat(50);
    let text = format!("a,b\n\"q,1\ny,2\n{long},3\nz,4\n{long}{long}{long}\r\n#,5\n\"{}\",6\nw,7\n", "é\n".repeat(7));
    let data = text.into_bytes();
    let reading = Reading::new(&schema, &data);
    let mut random = Random(5);
    for _ in 0..50 {
        let (options, level) = odd_options(&mut random, 30);
        let (report, output) = reading.whole(&mut Workspace::with_level(options, level));
        let rows: Vec<&str> = output.rows.iter().map(|row| row.splitn(3, ':').nth(2).expect("parts")).collect();
        assert_eq!(rows, ["y|2", "z|4", "#|5", "é\né\né\né\né\né\né\n|6", "w|7"], "{options:?}");
        let rejects: Vec<_> =
            output.rejects.iter().map(|reject| (reject.line, reject.offset, reject.length, reject.reason)).collect();
        let wanted =
            [(0, 4, 4, Reason::RecordTooLong), (2, 13, 52, Reason::RecordTooLong), (4, 70, 150, Reason::RecordTooLong)];
        assert_eq!(rejects, wanted, "{options:?}");
        assert_eq!(report.lines, data.iter().filter(|&&byte| byte == b'\n').count() as u64 - 1);
    }
}

#[test]
fn files_without_rows() {
    let schema = table(vec![column("a", Text), column("b", Int32)]);
    for text in ["a,b", "a,b\n", "a,b\r\n\r\n\n", "a,b\n ,\n"] {
        check(&schema, text, &[], &[]);
    }
}
