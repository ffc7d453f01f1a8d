//! Ranges, blocks and windows do not matter: every way to cut gives what one pass gives.

use super::*;
use ColumnType::{Category, Float32, Int64, String as Text};

/// A table of texts with everything that can go wrong with quotes and line ends.
fn hostile(random: &mut Random) -> Vec<u8> {
    let mut text = b"a,b,c\n".to_vec();
    let parts: &[&[u8]] = &[
        b"x",
        b"1",
        b"2.5",
        b",",
        b",",
        b",",
        b"\n",
        b"\n",
        b"\r\n",
        b"\"",
        b"\"",
        b"\"\"",
        b" ",
        b"#",
        b"\r",
        b"\xc3\xa9",
        b"\xff",
        b"a,1,2\n",
        b"\"p,\nq\",1,2\n",
        b"b,2,3\nb,3,4\n",
        b"a longer text,1,1\n",
    ];
    for _ in 0..random.below(120) {
        text.extend_from_slice(parts[random.below(parts.len())]);
    }
    text
}

fn schema() -> TableSchema {
    let mut schema = table(vec![column("a", Text), column("b", Float32), column("c", Category)]);
    schema.csv.comment = Some(b'#');
    schema.columns[1].invalid = Violation::Null;
    schema
}

/// Reads ranges cut at `cuts`, again where they do not chain; answers what they gave together, lines counted through.
pub(super) fn in_ranges(
    reading: &Reading<'_>,
    workspace: &mut Workspace,
    cuts: &[u64],
) -> (RangeReport, Vec<String>, Vec<Reject>) {
    let mut total =
        RangeReport { first_record: reading.data_offset, end: reading.data_offset, ..RangeReport::default() };
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    for (i, pair) in cuts.windows(2).enumerate() {
        let start = if i == 0 { Start::Exact(reading.data_offset) } else { Start::NextRecord };
        let (mut report, mut output) = reading.read(workspace, pair[0]..pair[1], start);
        if report.first_record != total.end {
            (report, output) = reading.read(workspace, pair[0]..pair[1], Start::Exact(total.end));
        }
        assert_eq!(report.first_record, total.end);
        rows.extend(output.rows.iter().map(|row| {
            let mut parts = row.splitn(3, ':');
            let offset = parts.next().unwrap_or_default();
            let line: u64 = parts.next().and_then(|line| line.parse().ok()).expect("a line");
            format!("{offset}:{}:{}", line + total.lines, parts.next().unwrap_or_default())
        }));
        rejects.extend(
            output.rejects.into_iter().map(|reject| Reject { line: reject.line + total.lines as u32, ..reject }),
        );
        total.end = report.end;
        total.lines += report.lines;
        total.records += report.records;
        total.blank += report.blank;
        total.comments += report.comments;
        total.rejected += report.rejected;
        total.nulled += report.nulled;
    }
    (total, rows, rejects)
}

#[test]
fn ranges_that_chain_equal_one_pass_on_20_000_hostile_texts() {
    let schema = schema();
    let mut random = Random(21);
    for case in 0..20_000 {
        let data = hostile(&mut random);
        let mut reading = Reading::new(&schema, &data);
        let max_record = *random.pick(&[3, 10, 40, 1000]);
        reading.limits = BatchLimits { rows: 1 + random.below(9), bytes: Bytes(1 + random.below(300) as u64) };
        let (options, level) = odd_options(&mut random, max_record);
        let (report, output) = reading.whole(&mut Workspace::with_level(options, level));
        let show = || format!("case {case}: {:?}", String::from_utf8_lossy(&data));
        assert_eq!(report.end, data.len() as u64, "{}", show());
        let (options, level) = odd_options(&mut random, max_record);
        let mut workspace = Workspace::with_level(options, level);
        assert_eq!(reading.whole(&mut workspace), (report, output.clone()), "{}", show());
        let mut cuts: Vec<u64> =
            (0..random.below(6)).map(|_| reading.data_offset + random.below(data.len()) as u64).collect();
        cuts.retain(|cut| *cut <= data.len() as u64);
        cuts.extend([reading.data_offset, data.len() as u64]);
        cuts.sort_unstable();
        let (total, rows, rejects) = in_ranges(&reading, &mut workspace, &cuts);
        assert_eq!(total, report, "{} {cuts:?}", show());
        assert_eq!(rows, output.rows, "{} {cuts:?}", show());
        assert_eq!(rejects, output.rejects, "{} {cuts:?}", show());
    }
}

/// What the `csv` crate makes of well-formed quotes, by the rules of this engine: rows of three fields, blank ones left
/// out.
fn oracle(data: &[u8]) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).terminator(csv::Terminator::Any(b'\n')).from_reader(data);
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.expect("memory can be read");
        let mut fields: Vec<Vec<u8>> = record.iter().map(<[u8]>::to_vec).collect();
        if let Some(last) = fields.last_mut()
            && last.last() == Some(&b'\r')
        {
            last.pop();
        }
        let null = |field: &Vec<u8>| {
            if field.iter().all(|byte| b" \t".contains(byte)) {
                "-".into()
            } else {
                String::from_utf8_lossy(field).into_owned()
            }
        };
        if fields.len() == 3 {
            rows.push(fields.iter().map(null).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

#[test]
fn fields_equal_those_of_the_csv_crate_on_20_000_texts() {
    let schema = table(vec![column("a", Text), column("b", Text), column("c", Text)]);
    let mut random = Random(22);
    for _ in 0..20_000 {
        let mut text = "a,b,c\n".to_string();
        for _ in 0..random.below(12) {
            let fields = if random.below(8) == 0 { 2 + random.below(3) } else { 3 };
            for field in 0..fields {
                let comma = if field == 0 { "" } else { "," };
                let value = *random.pick(&[
                    "k",
                    "12.5",
                    "with space",
                    "é",
                    "\"quoted\"",
                    "\"a,b\"",
                    "\"two\nlines\"",
                    "\"say \"\"hi\"\"\"",
                    "in\"ner",
                    "\"\"\"\"",
                    "",
                    "\"cr\r\nlf\"",
                ]);
                // A record begins with a value, so that it is not blank.
                text.push_str(&format!("{comma}{}", if field == 0 && value.is_empty() { "z" } else { value }));
            }
            text.push_str(random.pick::<&str>(&["\n", "\r\n"]));
        }
        if random.below(3) == 0 {
            text.truncate(text.trim_end().len());
        }
        let data = text.into_bytes();
        let reading = Reading::new(&schema, &data);
        let (options, level) = odd_options(&mut random, 1000);
        let (_, output) = reading.whole(&mut Workspace::with_level(options, level));
        let got: Vec<String> =
            output.rows.iter().map(|row| row.splitn(3, ':').nth(2).unwrap_or_default().into()).collect();
        assert_eq!(got, oracle(&data), "{:?}", String::from_utf8_lossy(&data));
    }
}

#[test]
fn batches_end_where_the_data_say() {
    let schema = table(vec![column("t", Text), column("n", Int64)]);
    let data = format!("t,n\n{}", (0..50).map(|i| format!("{},{i}\n", "x".repeat(i * 7 % 40))).collect::<String>())
        .into_bytes();
    let mut reading = Reading::new(&schema, &data);
    // A row counts 12 bytes for its place, 5 and 9 for its values, and its text.
    reading.limits = BatchLimits { rows: 4, bytes: Bytes(100) };
    let mut random = Random(23);
    let mut batches = None;
    for _ in 0..40 {
        let (options, level) = odd_options(&mut random, 1000);
        let (_, output) = reading.whole(&mut Workspace::with_level(options, level));
        let first = batches.get_or_insert(output.batches.clone());
        assert_eq!(*first, output.batches);
        assert_eq!(output.batches[..3], [3, 1, 1], "26 + 33 + 40 fit, 47 + 54 and 54 + 61 do not");
    }
}

#[test]
fn a_file_of_unclosed_quotes_is_given_up_line_by_line_in_linear_time() {
    let schema = table(vec![column("x", Text), column("y", Text)]);
    let data = format!("x,y\n{}", "x\",\"\n".repeat(100_000)).into_bytes();
    let reading = Reading::new(&schema, &data);
    let (report, output) =
        reading.whole(&mut Workspace::new(ReadOptions { max_record: 100_000, ..ReadOptions::default() }));
    assert_eq!((report.rejected, report.lines), (100_000, 100_000));
    assert!(output.rows.is_empty());
}

#[test]
fn a_range_without_a_record_start_says_so_without_reading_far() {
    let schema = table(vec![column("a", Text)]);
    let data = format!("a\n{}\nb\n", "x".repeat(1000)).into_bytes();
    let reading = Reading::new(&schema, &data);
    let mut workspace = Workspace::new(ReadOptions::default());
    let (report, output) = reading.read(&mut workspace, 100..200, Start::NextRecord);
    assert_eq!((report.first_record, report.end, output.rows.len()), (200, 200, 0));
    let (report, output) = reading.read(&mut workspace, 100..200, Start::Exact(1003));
    assert_eq!((report.first_record, report.end, output.rows.len()), (1003, 1003, 0));
    let (report, output) = reading.read(&mut workspace, 900..1005, Start::NextRecord);
    assert_eq!((report.first_record, report.end, output.rows.len()), (1003, 1005, 1));
}
