//! Nothing makes the engine panic or lose count.

use super::*;
use ColumnType::{Bool, Category, Date, Float32, Float64, Int32, String as Text, Timestamp};

fn schema() -> TableSchema {
    let mut local = column("local", Timestamp);
    local.format = Some("%d.%m.%y %I:%M %p".into());
    local.timezone = Some("America/New_York".into());
    let mut columns =
        vec![column("id", Category), column("time", Timestamp), local, column("lat", Float64), column("pm", Float32)];
    columns.extend([column("n", Int32), column("ok", Bool), column("day", Date), column("note", Text)]);
    columns[0].required = true;
    table(columns)
}

const LINES: &str = "id,time,local,lat,pm,n,ok,day,note
ENV-000000,2025-03-01T00:00:00Z,01.03.25 11:05 am,51.920404,10.27,20,true,2025-03-01,fine
ENV-000001,2025-03-01 00:00:00.123456+02:00,30.03.25 02:30 AM,-53.311725,12.23e1,-15,no,2024-02-29,\"a, \"\"b\"\"
c\"
a sensor with a long name,2025-03-01,09.11.25 1:30 am,,,,,,
";

#[test]
fn every_line_is_accounted_for_on_20_000_mutations() {
    let schema = schema();
    let mut random = Random(31);
    for case in 0..20_000 {
        let mut data = LINES.repeat(1 + case % 3).into_bytes();
        let head = LINES.find('\n').map_or(0, |end| end + 1);
        for _ in 0..random.below(12) {
            if data.len() == head {
                break;
            }
            let at = head + random.below(data.len() - head);
            match random.below(5) {
                0 => data[at] = random.next() as u8,
                1 => data[at] = *random.pick(b",\"\n\r-+.eE 019:TZ"),
                2 => drop(data.remove(at)),
                3 => data.insert(at, *random.pick(b",\"\n\r\0 9")),
                _ => data.truncate(at + 1),
            }
        }
        let reading = Reading::new(&schema, &data);
        let (options, level) = odd_options(&mut random, 200);
        let mut workspace = Workspace::with_level(options, level);
        let (report, output) = reading.whole(&mut workspace);
        assert_eq!((report.first_record, report.end), (reading.data_offset, data.len() as u64));
        let newlines = data[head..].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(report.lines, newlines as u64);
        let (options, level) = odd_options(&mut random, 200);
        assert_eq!(reading.whole(&mut Workspace::with_level(options, level)), (report, output));
    }
}

#[test]
fn random_bytes_do_no_harm_in_2_000_files() {
    let schema = schema();
    let mut random = Random(32);
    let mut rejected = 0;
    for _ in 0..2_000 {
        let mut data = LINES.lines().next().unwrap_or_default().as_bytes().to_vec();
        data.push(b'\n');
        data.extend((0..random.below(3000)).map(|_| random.next() as u8));
        let reading = Reading::new(&schema, &data);
        let (options, level) = odd_options(&mut random, 500);
        let (report, _) = reading.whole(&mut Workspace::with_level(options, level));
        assert_eq!(report.end, data.len() as u64);
        rejected += report.rejected;
    }
    assert!(rejected > 2_000);
}
