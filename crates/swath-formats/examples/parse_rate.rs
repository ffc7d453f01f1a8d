//! How many MB of telemetry text one CPU-second turns into typed columns, reading and bad rows included.
//!
//! `cargo run --release -p swath-formats --example parse_rate -- FILE [BLOCK_KIB] [WINDOW_KIB] [PASSES]`
//! The file has the columns of the generated telemetry: a sensor, a time, lat, lon and six readings.

use std::path::Path;

use swath_core::{Bytes, Result};
use swath_formats::csv::{
    BatchLimits, Consumer, ParsePlan, RangeSpec, ReadOptions, Source, Start, Workspace, header, read_range,
};
use swath_formats::store::{ReadAt, SourceFile, read_full};
use swath_table::column::{Batch, Values};
use swath_table::intern::Interner;
use swath_table::reject::Reject;
use swath_table::schema::{Checks, ColumnSchema, ColumnType, CrsSchema, CsvFormat, Role, TableSchema, Violation};

#[derive(Default)]
struct Counts {
    rows: u64,
    rejects: u64,
    sum: f64,
}

impl Consumer for Counts {
    fn batch(&mut self, batch: &mut Batch) -> Result<()> {
        self.rows += batch.rows() as u64;
        let column = &batch.columns[4];
        if let Values::Float32(values) = &column.values {
            let valid = values.iter().zip(&column.valid).filter(|(_, valid)| **valid != 0);
            self.sum += valid.map(|(value, _)| (f64::from(*value) * 100.0).round()).sum::<f64>();
        }
        Ok(())
    }

    fn reject(&mut self, reject: Reject) -> Result<()> {
        if self.rejects < 5 {
            println!("line {} byte {}: {} {}", reject.line, reject.offset, reject.reason, reject.detail);
        }
        self.rejects += 1;
        Ok(())
    }
}

fn schema() -> TableSchema {
    use ColumnType::{Category, Float32, Float64, Timestamp};
    let columns = [
        ("sensor_id", Category, Some(Role::Sensor)),
        ("timestamp", Timestamp, Some(Role::Time)),
        ("lat", Float64, Some(Role::Y)),
        ("lon", Float64, Some(Role::X)),
        ("pm25", Float32, None),
        ("pm10", Float32, None),
        ("temp_c", Float32, None),
        ("rh", Float32, None),
        ("soil_moisture", Float32, None),
        ("battery_v", Float32, None),
    ];
    let columns = columns.map(|(name, column_type, role)| ColumnSchema {
        name: name.into(),
        column_type,
        role,
        source: vec![name.into()],
        format: None,
        timezone: None,
        min: role.and_then(|role| match role {
            Role::X => Some(-180.0),
            Role::Y => Some(-90.0),
            _ => None,
        }),
        max: role.and_then(|role| match role {
            Role::X => Some(180.0),
            Role::Y => Some(90.0),
            _ => None,
        }),
        out_of_range: Violation::Reject,
        invalid: Violation::Reject,
        missing: None,
        year: None,
        negate: false,
        units: None,
        required: matches!(role, Some(Role::Sensor | Role::Time)),
    });
    TableSchema {
        csv: CsvFormat::default(),
        json: None,
        columns: columns.into(),
        pivot: None,
        crs: CrsSchema::default(),
        dedup: None,
        checks: Checks::NONE,
    }
}

fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `usage` has room for what the call writes, and is read only if it says that it wrote.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_default();
    let mut number = |default: usize| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let defaults = ReadOptions::default();
    let options = ReadOptions {
        block_bytes: number(defaults.block_bytes >> 10) << 10,
        window_bytes: number(defaults.window_bytes >> 10) << 10,
        ..defaults
    };
    let passes = number(3);
    let file = SourceFile::open(&path)?;
    let file_len = file.file().metadata().map_or(0, |data| data.len());
    let schema = schema();
    let mut head = vec![0; 65536];
    let got = read_full(&file, &mut head, 0)?;
    let header = header(Path::new(&path), &head[..got], got as u64 == file_len, &schema.csv)?;
    let plan = ParsePlan::new(file.path(), &schema, &header.names)?;
    let interner = Interner::new("sensors", Bytes(64_000_000));
    let mut workspace = Workspace::new(options);
    let mut batch = Batch::new(schema.columns.iter().map(|column| column.column_type));
    let limits = BatchLimits { rows: 131_072, bytes: Bytes(16_000_000) };
    let source = Source { input: &file, plan: &plan, interner: &interner, limits };
    let range = RangeSpec { nominal: header.data_offset..file_len, file_len, start: Start::Exact(header.data_offset) };
    for _ in 0..passes {
        let mut counts = Counts::default();
        let before = cpu_seconds();
        let report = read_range(&source, &range, &mut workspace, &mut batch, &mut counts)?;
        counts.batch(&mut batch)?;
        batch.clear();
        let seconds = cpu_seconds() - before;
        println!("{report:?} rows {} sum {} sensors {}", counts.rows, counts.sum, interner.len());
        println!("{:.0} MB per CPU-second ({seconds:.3} s)", file_len as f64 / 1e6 / seconds);
    }
    Ok(())
}
