//! Text without delimiters: what lines become, and that ways to cut the file do not matter.

use super::cases::check;
use super::ranges::in_ranges;
use super::*;
use ColumnType::{Category, Float64, Int32, String as Text, Timestamp};
use swath_table::schema::Layout;

fn spaces() -> TableSchema {
    let mut schema = table(vec![column("a", Text), column("b", Int32), column("c", Float64)]);
    schema.csv.layout = Layout::Spaces;
    schema.csv.comment = Some(b'#');
    schema
}

fn widths() -> TableSchema {
    let names = ["column_1", "column_2", "column_3"];
    let mut schema =
        table(names.into_iter().zip([Text, Int32, Category]).map(|(name, kind)| column(name, kind)).collect());
    schema.csv =
        CsvFormat { layout: Layout::Widths(vec![4, 3, 5]), quote: None, header: false, ..CsvFormat::default() };
    schema
}

#[test]
fn words_become_values() {
    check(
        &spaces(),
        " a  b\tc\r\nx 1 2.5\n  y\t 2 \t 3 \r\n\n \t \n# note\n\"two words\" 3 \"4\"\n\"\" 5 6\nz 7 8",
        &["x|1|2.5", "y|2|3", "two words|3|4", "-|5|6", "z|7|8"],
        &[],
    );
    check(
        &spaces(),
        "a b c\nx 1\nx 1 2 3\nx one 2\n\"x 1 2\ny 2 3",
        &["y|2|3"],
        &[
            "0:-:field_count:wanted 3 fields, got 2",
            "1:-:field_count:wanted 3 fields, got 4",
            "2:1:invalid_value:wanted an int32, got \"one\"",
            "3:-:malformed_quotes:wanted a closing quote with a blank or the line end behind it, got none",
        ],
    );
    // An entry for what is between fields is no field.
    let mut reordered = spaces();
    reordered.columns.reverse();
    check(&reordered, "b a c\n1 x 2\n", &["2|1|x"], &[]);
}

#[test]
fn columns_of_fixed_width_become_values() {
    check(
        &widths(),
        "ab c 12 k\r\n  \t\nabcd-12kkkkk  \n     12\n    34567890",
        &["ab c|12|k", "abcd|-12|kkkkk", "-|12|-", "-|345|67890"],
        &[],
    );
    check(
        &widths(),
        "abcd 1\nabcd 12kkkkkx\nabcd1x2k\n\u{e9}   12345\n\u{e9}    1  k\n",
        &["\u{e9}|1|k"],
        &[
            "0:-:field_count:wanted the 12 bytes of 3 columns, got 6",
            "1:-:field_count:wanted nothing behind the 12 bytes of 3 columns, got 13 bytes",
            "2:1:invalid_value:wanted an int32, got \"1x2\"",
            "3:-:invalid_encoding:wanted columns that are the same counted in bytes and in characters, got others from \
             column 2 on",
        ],
    );
}

#[test]
fn times_without_a_year_and_longitudes_to_the_west() {
    let mut schema = table(vec![column("t", Timestamp), column("lon", Float64)]);
    schema.csv.layout = Layout::Spaces;
    schema.columns[0].source = vec!["doy".into(), "hhmm".into()];
    (schema.columns[0].format, schema.columns[0].year) = (Some("%j %H%M".into()), Some(2018));
    (schema.columns[1].negate, schema.columns[1].min, schema.columns[1].max) = (true, Some(-180.0), Some(180.0));
    schema.csv.missing = vec!["-999".into()];
    let hour = 3_600_000_000i64;
    let first = 17_532 * 24 * hour;
    check(
        &schema,
        "doy hhmm lon\n1 1 105.92\n1 2400 0\n2 130 -999\n365 0 180.5\n366 0 1\n",
        &[
            &format!("{}|-105.92", first + hour / 60),
            &format!("{}|0", first + 24 * hour),
            &format!("{}|-", first + 25 * hour + hour / 2),
        ],
        &[
            "3:1:out_of_range:wanted -180 to 180, got \"180.5\"",
            "4:0:invalid_time:wanted a timestamp (%j %H%M), got \"366 0\"",
        ],
    );
}

#[test]
fn a_header_is_cut_as_rows_are() {
    let format = CsvFormat { header: true, ..widths().csv };
    let names = |text: &str| header(Path::new("a.txt"), text.as_bytes(), true, &format).map(|header| header.names);
    assert_eq!(names("id   n kind\n").ok(), Some(["id", "n", "kind"].map(|name| name.as_bytes().to_vec()).to_vec()));
    let words =
        |text: &str| header(Path::new("a.txt"), text.as_bytes(), true, &CsvFormat { comment: None, ..spaces().csv });
    for (text, expected) in
        [("# a b\n1 2\n", &["a", "b"][..]), ("# a b\n1 2 3\n", &["#", "a", "b"]), ("#a b\n1 2\n", &["#a", "b"])]
    {
        let names = words(text).expect(text).names;
        assert_eq!(names, expected.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>(), "{text}");
    }
    let error = names("id n a longer kind\n").expect_err("other widths");
    assert!(error.to_string().contains("wanted the 12 bytes of 3 columns"), "{error}");
    let error = header(Path::new("a.txt"), b"\"a b\n", true, &spaces().csv).expect_err("a quote");
    assert!(error.to_string().contains("a quote is not closed"), "{error}");
}

#[test]
fn ranges_that_chain_equal_one_pass_on_10_000_texts() {
    let parts: &[&[u8]] = &[
        b"x",
        b"12",
        b"2.5",
        b" ",
        b" ",
        b"  ",
        b"\t",
        b"\n",
        b"\n",
        b"\r\n",
        b"\"",
        b"#",
        b"\r",
        b"\xc3\xa9",
        b"\xff",
        b"a 1 2\n",
        b"abcd 12 kkk\n",
        b"\"p q\" 1 2\n",
        b"a much longer line of text without a number\n",
    ];
    let mut random = Random(41);
    for case in 0..10_000 {
        let schema = if case % 2 == 0 { spaces() } else { widths() };
        let mut data = b"a b c\n".to_vec();
        for _ in 0..random.below(120) {
            data.extend_from_slice(parts[random.below(parts.len())]);
        }
        let mut reading = Reading::new(&schema, &data);
        let max_record = *random.pick(&[3, 10, 40, 1000]);
        reading.limits = BatchLimits { rows: 1 + random.below(9), bytes: Bytes(1 + random.below(300) as u64) };
        let (options, level) = odd_options(&mut random, max_record);
        let (report, output) = reading.whole(&mut Workspace::with_level(options, level));
        let show = || format!("case {case}: {:?}", String::from_utf8_lossy(&data));
        assert_eq!(report.end, data.len() as u64, "{}", show());
        let newlines = data[reading.data_offset as usize..].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(report.lines, newlines as u64, "{}", show());
        let (options, level) = odd_options(&mut random, max_record);
        let mut workspace = Workspace::with_level(options, level);
        assert_eq!(reading.whole(&mut workspace), (report, output.clone()), "{}", show());
        let length = data.len() - reading.data_offset as usize;
        let mut cuts: Vec<u64> =
            (0..random.below(6)).map(|_| reading.data_offset + random.below(length.max(1)) as u64).collect();
        cuts.extend([reading.data_offset, data.len() as u64]);
        cuts.sort_unstable();
        assert_eq!(in_ranges(&reading, &mut workspace, &cuts), (report, output.rows, output.rejects), "{}", show());
    }
}
