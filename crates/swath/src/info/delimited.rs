//! Delimited text: dialect and schema from a bounded sample, rows and ranges from the whole or from that sample.

use std::path::{Path, PathBuf};

use swath_core::{Bytes, Result, Stop};
use swath_formats::columnar::Format;
use swath_formats::csv::{
    BatchLimits, Consumer, ParsePlan, RangeReport, RangeSpec, ReadOptions, Source, Start, Workspace, header_of,
    read_range,
};
use swath_formats::store::read_full;
use swath_table::column::{Batch, Values};
use swath_table::infer::sample;
use swath_table::intern::Interner;
use swath_table::reject::Reject;
use swath_table::schema::{ColumnType, CsvFormat, Layout, Role, TableSchema};

use crate::content::{Room, temporary_folder};
use crate::input_file::InputFile;

use super::{ColumnDescription, Count, Extent, Footprint, TableDescription, TimeRange, batches, moment};

/// Input up to this size is read as a whole: about a second's work.
const WHOLE_BYTES_MAX: u64 = 512 << 20;
/// Memory that looking may take for windows of compressed files.
const LOOKING: Bytes = Bytes(64_000_000);
/// The stop flag is looked at this often.
const STEP_BYTES: u64 = 8 << 20;
/// Rows of a batch.
const BATCH_ROWS: usize = 4096;

/// Describes a file, or the files of a folder as one table.
///
/// # Errors
/// Those of reading and inference; [`swath_core::Error::Stopped`].
pub fn describe(path: &Path, ceiling: Bytes, stop: &Stop) -> Result<TableDescription> {
    let folder = temporary_folder();
    let inputs = crate::ingest::read_inputs(&[path.into()], None, Room::new(&folder, LOOKING, stop))?;
    if inputs.columns.is_some() {
        return inside(path, &inputs.files, ceiling);
    }
    let (schema, mut warnings) = (inputs.schema, Vec::new());
    drop(inputs.samples);
    if let Some(no_degrees) = &inputs.no_degrees {
        warnings.push(format!("{}; {}", no_degrees.sentence(), no_degrees.hint()));
    }
    let is_placed = inputs.no_degrees.is_none();
    let sized: Vec<(PathBuf, u64)> = inputs.files.iter().map(|file| (file.path.clone(), file.end)).collect();
    let bytes = Bytes(sized.iter().map(|(_, size)| size).sum());
    let mut survey = Survey::new(&schema);
    let exact = bytes.0 <= WHOLE_BYTES_MAX;
    match exact {
        true => {
            inputs.files.iter().try_for_each(|file| survey.read(file, std::slice::from_ref(&(0..file.end)), stop))?
        }
        false => sample::take(&sized).files.iter().try_for_each(|sampled| {
            let file = inputs.files.iter().find(|file| file.path == sampled.path);
            file.map_or(Ok(()), |file| survey.read(file, &sampled.ranges, stop))
        })?,
    }
    let rows = survey.rows(bytes, exact);
    let per_row = survey.bytes_per_row(&schema);
    let mut details = dialect(&schema.csv);
    if survey.rejected > 0 {
        let of = if exact { "" } else { " of the sample" };
        details.push(("would be rejected".into(), format!("{} rows{of}", survey.rejected)));
    }
    Ok(TableDescription {
        path: path.into(),
        format: if schema.json.is_some() { "json" } else { "csv" }.into(),
        files: sized.len() as u64,
        bytes,
        rows: Count { value: rows, exact },
        columns: columns(&schema),
        crs: survey
            .place
            .filter(|_| is_placed)
            .map(|_| schema.crs.source.clone().unwrap_or_else(|| "EPSG:4326".into())),
        time: survey.time_range(&schema, exact),
        extent: survey.extent.map(|bounds| Extent { bounds, exact }),
        footprint: Footprint::new(rows, per_row, bytes, ceiling),
        details,
        warnings,
    })
}

/// Describes a compressed file with columns.
fn inside(path: &Path, files: &[InputFile], ceiling: Bytes) -> Result<TableDescription> {
    let refused = || swath_core::Error::InputUnreadable {
        path: path.into(),
        reason: "it holds a file with columns, which is not described packed".into(),
        hint: "unpack it first".into(),
    };
    let [file] = files else { return Err(refused()) };
    let content = file.open()?;
    match Format::of(&*content, file.end)? {
        Some(Format::Arrow) => batches::describe_content(path, &*content, file.end, ceiling),
        _ => Err(refused()),
    }
}

/// What was seen of the rows.
struct Survey {
    /// The schema with categories as plain text, since telling them apart would take memory.
    schema: TableSchema,
    time: Option<usize>,
    place: Option<(usize, usize)>,
    /// Columns whose text is kept as it is.
    texts: Vec<usize>,
    accepted: u64,
    rejected: u64,
    bytes_read: u64,
    text_bytes: u64,
    times: Option<(i64, i64)>,
    extent: Option<[f64; 4]>,
}

impl Survey {
    fn new(schema: &TableSchema) -> Survey {
        let is_text = |&column: &usize| schema.columns[column].column_type == ColumnType::String;
        let texts = (0..schema.columns.len()).filter(is_text).collect();
        let mut schema = schema.clone();
        for column in &mut schema.columns {
            if column.column_type == ColumnType::Category {
                column.column_type = ColumnType::String;
            }
        }
        Survey {
            time: schema.with_role(Role::Time),
            place: schema.with_role(Role::X).zip(schema.with_role(Role::Y)),
            schema,
            texts,
            accepted: 0,
            rejected: 0,
            bytes_read: 0,
            text_bytes: 0,
            times: None,
            extent: None,
        }
    }

    /// Reads some ranges of a file.
    fn read(&mut self, file: &InputFile, ranges: &[std::ops::Range<u64>], stop: &Stop) -> Result<()> {
        let (path, size) = (&file.path, file.end);
        if size == 0 {
            return Ok(());
        }
        let input = file.open()?;
        let mut head = vec![0; size.min(sample::HEADER_BYTES) as usize];
        let read = read_full(&*input, &mut head, 0)?;
        head.truncate(read);
        let header = header_of(path, &head, read as u64 == size, &self.schema)?;
        let plan = ParsePlan::new(path, &self.schema, &header.names)?;
        drop(head);
        let interner = Interner::new("categories", Bytes::MIB);
        let limits = BatchLimits { rows: BATCH_ROWS, bytes: Bytes::MIB };
        let source = Source { input: &*input, plan: &plan, interner: &interner, limits };
        let mut workspace = Workspace::new(ReadOptions::default());
        let mut batch = Batch::new(plan.column_types().iter().copied());
        for range in ranges {
            let mut position = range.start.max(header.data_offset);
            let mut start = if position == header.data_offset { Start::Exact(position) } else { Start::NextRecord };
            while position < range.end {
                stop.check()?;
                let nominal = position..range.end.min(position + STEP_BYTES);
                let spec = RangeSpec { nominal: nominal.clone(), file_len: size, start };
                let report: RangeReport = read_range(&source, &spec, &mut workspace, &mut batch, self)?;
                self.batch(&mut batch)?;
                batch.clear();
                self.bytes_read += report.end.saturating_sub(report.first_record);
                position = report.end.max(nominal.end);
                start = Start::Exact(report.end.max(position));
            }
        }
        Ok(())
    }

    /// All rows: counted, or as many as the sample suggests.
    fn rows(&self, bytes: Bytes, exact: bool) -> u64 {
        let seen = self.accepted + self.rejected;
        match exact {
            true => seen,
            false => (seen as f64 * bytes.0 as f64 / self.bytes_read.max(1) as f64) as u64,
        }
    }

    /// Memory of a row as typed columns, with one byte a value for whether it is there.
    fn bytes_per_row(&self, schema: &TableSchema) -> f64 {
        fixed_bytes_per_row(schema) + self.text_bytes as f64 / self.accepted.max(1) as f64
    }

    fn time_range(&self, schema: &TableSchema, exact: bool) -> Option<TimeRange> {
        let ((first, last), column) = self.times.zip(self.time)?;
        Some(TimeRange {
            column: schema.columns[column].name.clone(),
            first: moment::rfc3339(first),
            last: moment::rfc3339(last),
            exact,
        })
    }
}

impl Consumer for Survey {
    fn batch(&mut self, batch: &mut Batch) -> Result<()> {
        self.accepted += batch.rows() as u64;
        for &column in &self.texts {
            if let Values::Text { bytes, .. } = &batch.columns[column].values {
                self.text_bytes += bytes.len() as u64;
            }
        }
        if let Some(time) = self.time
            && let Values::Timestamp(values) = &batch.columns[time].values
        {
            for (&value, &valid) in values.iter().zip(&batch.columns[time].valid) {
                if valid == 1 {
                    self.times = Some(self.times.map_or((value, value), |all| (all.0.min(value), all.1.max(value))));
                }
            }
        }
        if let Some((x, y)) = self.place {
            for row in 0..batch.rows() {
                if let (Some(x), Some(y)) = (number(batch, x, row), number(batch, y, row)) {
                    let all = self.extent.unwrap_or([x, y, x, y]);
                    self.extent = Some([all[0].min(x), all[1].min(y), all[2].max(x), all[3].max(y)]);
                }
            }
        }
        Ok(())
    }

    fn reject(&mut self, _reject: Reject) -> Result<()> {
        self.rejected += 1;
        Ok(())
    }
}

/// A coordinate, if there is one.
fn number(batch: &Batch, column: usize, row: usize) -> Option<f64> {
    let column = &batch.columns[column];
    if column.valid[row] == 0 {
        return None;
    }
    match &column.values {
        Values::Float64(values) => Some(values[row]),
        Values::Float32(values) => Some(f64::from(values[row])),
        Values::Int32(values) => Some(f64::from(values[row])),
        Values::Int64(values) => Some(values[row] as f64),
        _ => None,
    }
}

/// Bytes of a value in memory, without the text of strings.
fn width(column_type: ColumnType) -> u64 {
    match column_type {
        ColumnType::Bool => 1,
        ColumnType::Int32 | ColumnType::Float32 | ColumnType::Date | ColumnType::Category | ColumnType::String => 4,
        ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => 8,
    }
}

/// Memory of a row as typed columns, without text.
pub fn fixed_bytes_per_row(schema: &TableSchema) -> f64 {
    schema.columns.iter().map(|column| 1 + width(column.column_type)).sum::<u64>() as f64
}

/// The columns of a schema.
pub fn columns(schema: &TableSchema) -> Vec<ColumnDescription> {
    let describe = |column: &swath_table::schema::ColumnSchema| ColumnDescription {
        name: column.name.clone(),
        column_type: format!("{:?}", column.column_type).to_lowercase(),
        role: column.role.map(|role| format!("{role:?}").to_lowercase()),
        units: column.units.clone(),
    };
    schema.columns.iter().map(describe).collect()
}

/// The settings of the text, in the words of a schema file.
fn dialect(format: &CsvFormat) -> Vec<(String, String)> {
    let byte = |byte: u8| format!("{:?}", char::from(byte).to_string());
    let between = match &format.layout {
        Layout::Delimited => ("delimiter".to_string(), byte(format.delimiter)),
        Layout::Spaces => ("delimiter".into(), "\"spaces\"".into()),
        Layout::Widths(widths) => ("widths".into(), format!("{widths:?}")),
    };
    let mut details = vec![between, ("decimal".into(), byte(format.decimal))];
    details.extend(format.comment.map(|comment| ("comment".to_string(), byte(comment))));
    if format.skip_lines > 0 {
        details.push(("skip_lines".into(), format.skip_lines.to_string()));
    }
    details.push(("header".into(), format.header.to_string()));
    if format.header_lines > 1 {
        details.push(("header_lines".into(), format.header_lines.to_string()));
    }
    details.extend(format.fields.map(|fields| ("fields".to_string(), fields.to_string())));
    let missing: Vec<String> = format.missing.iter().map(|text| format!("{text:?}")).collect();
    details.push(("missing".into(), missing.join(", ")));
    details
}
