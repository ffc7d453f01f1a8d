//! From a request to a job: which files, which schema, which CRS, which partition.
//!
//! It reads the headers, and a sample by `look.rs`; what it finds depends on the data and the options, never on the
//! ceiling.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::json;
use swath_core::{Bytes, Error, Result, Stop};
use swath_crs::{Crs, Transform};
use swath_formats::csv::{Header, NO_COLUMN, ParsePlan, header_of};
use swath_formats::store::read_full;
use swath_table::assign::Assigner;
use swath_table::infer;
use swath_table::layout::RowLayout;
use swath_table::partition::{PartitionLevel, PartitionRequest, choose};
use swath_table::schema::{ColumnType, Role, TableSchema};
use swath_table::schema_file::{self, Notes};

use super::columnar;
use super::inputs::Stream;
use super::job::{Dedup, FilePlan, Geometry, Job};
use super::lake::Lake;
use super::layout::{lake_layout, row_group_rows};
use super::look;
use super::pivot::Pivot;
use super::recall::Expected;
use super::row_checks::Usual;
use super::survey::{Counted, Facts, facts};
use super::systems::{self, Systems};
use super::unread::{self, Headers};
use super::usual::Varying;
use crate::content::Room;
use crate::input_file::{InputFile, exact_path};
use crate::request::{IngestRequest, SortOrder};

/// Rows at most in a run.
const RUN_ROWS: usize = 65_536;
/// Value bytes at most in a run.
const RUN_BYTES: usize = 6 << 20;
/// Bytes of a file in which its header must end.
pub const HEADER_BYTES: usize = infer::sample::HEADER_BYTES as usize;

/// What was chosen for a person to see, and what costing needs to know.
pub struct Prepared {
    /// The job.
    pub job: Arc<Job>,
    /// What the sample says.
    pub facts: Facts,
    /// What was chosen and why, as (name, value).
    pub choices: Vec<(String, String)>,
    /// What inference did not find, as sentences.
    pub warnings: Vec<String>,
    /// Scratch that holds what inputs hold, where that is not what stands in the files.
    pub content: Bytes,
    /// What is read of the lake that rows are added to.
    pub recalled: Expected,
}

/// Resolves a request.
///
/// # Errors
/// For whatever of it cannot be done.
pub fn prepare(request: &IngestRequest, stop: &Stop) -> Result<Prepared> {
    let base = Lake::of(request)?;
    let settled = base.as_ref().map(|base| base.settle(request));
    let request = settled.as_ref().unwrap_or(request);
    let file = request.schema.as_deref().map(|path| Ok((look::read_schema(path)?, path))).transpose()?;
    let given = match &base {
        Some(base) => Some(base.given(file)?),
        None => file.map(|(file, _)| file),
    };
    let is_given = given.is_some();
    let common = &request.common;
    let room = Room {
        folder: &common.tmp_dir.clone().unwrap_or_else(|| folder_beside(&request.output)),
        tmp_limit: common.tmp_limit,
        ceiling: common.ceiling(),
        max_record: request.max_record,
        most: None,
        stop,
    };
    let inputs = look::inputs_as(&request.sources, given, room)?;
    swath_core::rest_code();
    if let Some(no_degrees) = &inputs.no_degrees {
        return Err(no_degrees.error());
    }
    resolve(request, inputs, base, is_given)
}

/// Resolves a request to make few large files of many small ones; the request is where what the lake settles goes.
///
/// # Errors
/// As [`prepare`].
pub fn compact(request: &IngestRequest, base: Lake) -> Result<Prepared> {
    let inputs = look::Inputs {
        files: Vec::new(),
        content: Bytes::ZERO,
        schema: base.schema.clone(),
        notes: Notes::default(),
        samples: Vec::new(),
        warnings: Vec::new(),
        no_degrees: None,
        columns: None,
        other_members: Vec::new(),
    };
    resolve(request, inputs, Some(base), true)
}

fn resolve(request: &IngestRequest, inputs: look::Inputs, base: Option<Lake>, is_given: bool) -> Result<Prepared> {
    let mut warnings = inputs.warnings;
    let mut choices = Vec::new();
    let systems = systems::find(&inputs.schema, &inputs.files, &mut warnings)?;
    let schema = match &systems {
        Some(systems) if inputs.schema.crs.files.is_empty() => systems.bounded(inputs.schema, 0),
        _ => inputs.schema,
    };
    if let Some(base) = &base {
        base.check_schema(&schema)?;
        warnings.extend(base.warnings(&request.output));
    }
    let mut headers = Headers::new();
    let plans = match &inputs.columns {
        Some(columns) => columns.plan(&inputs.files, &schema, systems.as_ref()),
        None => plan_files(&inputs.files, &schema, systems.as_ref(), &mut headers),
    };
    if base.is_some() && request.schema.is_none() {
        let first =
            || inputs.files.iter().find(|file| file.end > 0).map_or_else(PathBuf::new, |file| file.path.clone());
        if !inputs.other_members.is_empty() {
            headers.push((first(), inputs.other_members.iter().map(|name| name.clone().into_bytes()).collect()));
        }
        headers.extend(inputs.columns.iter().flat_map(|columns| columns.headers(&inputs.files)));
        warnings.extend(unread::warnings(&headers, &schema));
    }
    let (parse_plans, mut file_plans) = if !is_given { plans.map_err(other_columns)? } else { plans? };
    let sample_plans = inputs.columns.as_ref().map(|c| c.plan_samples(&inputs.files, &schema, systems.as_ref()));
    let sample_plans = sample_plans.transpose()?;
    let geometry = systems.map(|systems| geometry(systems, &schema, &mut file_plans)).transpose()?;
    let wanted = partition_wanted(request)?;
    let counted = Counted { columns: of_values(&wanted, &schema), points: has_cells(&wanted) };
    let (mut facts, points) = match inputs.columns.as_ref().zip(sample_plans) {
        Some((columns, plans)) => {
            let file_plans = columns.with_samples(&file_plans);
            let (mut facts, points) = facts(&inputs.samples, &schema, &inputs.files, &plans, &file_plans, counted)?;
            columns.correct(&schema, &mut facts);
            (facts, points)
        }
        None => facts(&inputs.samples, &schema, &inputs.files, &parse_plans, &file_plans, counted)?,
    };
    let (sensor, time) = (schema.with_role(Role::Sensor), schema.with_role(Role::Time));
    let pivot = Pivot::of(&schema)?;
    let input_schema = schema;
    let schema = input_schema.pivoted();
    let partition = match wanted {
        PartitionRequest::Levels(levels) => levels,
        PartitionRequest::Auto => auto(&schema, &facts, request.target_file_size, &mut choices),
    };
    if let Some(pivot) = &pivot {
        pivot.check_partition(&partition, &input_schema)?;
    }
    let levels = Assigner::resolve(&partition, &schema)?;
    if let Some(geometry) = &geometry {
        facts.count_cells(&points, &levels, geometry)?;
    }
    check_filters(request, time, geometry.is_some())?;
    let moved = geometry.as_ref().is_some_and(|geometry| geometry.moved);
    let types_of = |schema: &TableSchema| -> Vec<ColumnType> {
        let hidden = if moved { &[ColumnType::Float64; 2][..] } else { &[] };
        schema.columns.iter().map(|column| column.column_type).chain(hidden.iter().copied()).collect()
    };
    let types = types_of(&schema);
    let lake = Arc::new(lake_layout(&schema, geometry.as_ref(), request, sensor, time)?);
    let by_sensor = request.sort == SortOrder::Sensor;
    let key_time = time.filter(|&time| types[time] == ColumnType::Timestamp);
    let key_sensor = sensor.filter(|&sensor| by_sensor && types[sensor] == ColumnType::Category);
    let layout = RowLayout::new(&types, key_sensor, key_time);
    let input_layout = RowLayout::new(&types_of(&input_schema), key_sensor, key_time);
    let row_group_rows = match &base {
        Some(base) => base.row_group_rows,
        None => {
            let text = pivot.as_ref().map_or(1, |pivot| pivot.texts(&input_schema)) as f64 * facts.text_per_row;
            row_group_rows(&layout, &types, geometry.is_some(), text)
        }
    };
    let mut dedup = dedup(&schema, &partition, by_sensor, sensor, time)?;
    if let Some(pivot) = &pivot {
        pivot.settle(&mut dedup, &input_schema, by_sensor, sensor.into_iter().chain(time))?;
        choices.push(("pivot".into(), pivot.choice(&input_schema)));
    }
    choices.push(("rows per row group".into(), row_group_rows.to_string()));
    if let Some(dedup) = &dedup {
        let key: Vec<&str> = dedup.key.iter().map(|&column| schema.columns[column].name.as_str()).collect();
        choices.push(("dedup".into(), format!("by {}, keep {:?}", key.join(", "), dedup.keep).to_lowercase()));
    }
    let (stream, columnar) = match inputs.columns {
        Some(columns) => {
            let filter = columnar::filter(request, &schema, time, geometry.as_ref());
            let plans = (&parse_plans[..], &file_plans[..]);
            let (stream, columnar) = columns.open(&inputs.files, &input_schema, plans, filter, request.max_record)?;
            (stream, Some(columnar))
        }
        None => (Stream::new(inputs.files.iter().map(|file| file.end)), None),
    };
    // No record is longer than the file that it is in, unless that is packed.
    let longest = match columnar {
        Some(_) => request.max_record,
        None if inputs.files.is_empty() => request.max_record,
        None => inputs.files.iter().map(|file| Bytes(file.end)).max().unwrap_or_default(),
    };
    // Of names and values the sample tells nothing of single columns.
    let is_own = |varying: &Varying| pivot.as_ref().is_none_or(|pivot| varying.column < pivot.shared());
    let varying = facts.varying.iter().copied().filter(is_own).collect();
    let one_system = |geometry: &&Geometry| geometry.transforms.len() == 1 && geometry.crs_column.is_none();
    let usual = geometry.as_ref().filter(one_system).and(facts.usual);
    let usual = usual.and_then(Usual::around);
    if request.strict {
        choices.push(("strict".into(), "rows that checks find are rejected".into()));
    }
    let job = Job {
        stream,
        columnar,
        file_plans,
        parse_plans,
        schema,
        input_schema,
        pivot,
        partition,
        levels,
        sort: request.sort,
        geometry,
        dedup,
        row_group_rows,
        // Where all rows are known, no run has more.
        run_rows: if facts.exact && base.is_none() { RUN_ROWS.min(facts.rows.max(1) as usize) } else { RUN_ROWS },
        run_bytes: RUN_BYTES,
        layout,
        input_layout,
        lake,
        sensor,
        time,
        since_us: request.since_us,
        until_us: request.until_us,
        bbox: request.bbox,
        target_file_size: request.target_file_size,
        strict: request.strict,
        usual,
        varying,
        max_rejects: request.max_rejects,
        max_record: request.max_record.min(longest),
        compression: request.compression,
        output: request.output.clone(),
        compacts: inputs.files.is_empty(),
        files: inputs.files,
        base,
    };
    let mut recalled = Expected::default();
    if let Some(lake) = &job.base {
        recalled = Expected::of(lake, &job, facts.time_us)?;
        let there: u64 = lake.files.iter().map(|file| file.rows).sum();
        choices.push(("lake".into(), format!("{there} rows are there, about {} of them met", recalled.rows)));
    }
    Ok(Prepared { job: Arc::new(job), facts, choices, warnings, content: inputs.content, recalled })
}

/// The folder that an output is in, or the next one above it that is there.
fn folder_beside(output: &Path) -> PathBuf {
    let absolute = std::path::absolute(output).unwrap_or_else(|_| output.into());
    let found = absolute.ancestors().skip(1).find(|folder| folder.is_dir());
    found.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn check_filters(request: &IngestRequest, time: Option<usize>, places: bool) -> Result<()> {
    let wrong = |message: &str, hint: &str| Err(Error::Usage { message: message.into(), hint: hint.into() });
    if time.is_none() && (request.since_us.is_some() || request.until_us.is_some()) {
        return wrong("--since and --until need a column with the role time", "name one in the schema file");
    }
    if !places && request.bbox.is_some() {
        return wrong("--bbox needs columns with the roles x and y", "name them in the schema file");
    }
    if !places && request.sort == SortOrder::Hilbert {
        return wrong("--sort hilbert needs columns with the roles x and y", "name them in the schema file");
    }
    if let (Some(since), Some(until)) = (request.since_us, request.until_us)
        && since >= until
    {
        return wrong("--since is not before --until", "--since is included, --until is not");
    }
    Ok(())
}

fn geometry(systems: Systems, schema: &TableSchema, file_plans: &mut [FilePlan]) -> Result<Geometry> {
    let column = |role, what: &str| {
        schema.with_role(role).ok_or_else(|| Error::unexpected(format!("a schema with a CRS has no column for {what}")))
    };
    let Systems { sources, target, of_files } = systems;
    let transform = |from: &Crs| -> Result<Option<Transform>> {
        if from.is_same_as(&target) {
            return Ok(None);
        }
        let transform = Transform::new(from, &target).map_err(|error| systems::usage(&error))?;
        Ok((!transform.is_identity()).then_some(transform))
    };
    let transforms: Vec<Option<Transform>> = sources.iter().map(transform).collect::<Result<_>>()?;
    for (plan, system) in file_plans.iter_mut().zip(of_files) {
        plan.transform = system;
    }
    let crs_column = match &schema.crs.column {
        None => None,
        Some(name) => Some(schema.with_name(name).ok_or_else(|| Error::Usage {
            message: format!("[crs] column = {name:?}: there is no such column"),
            hint: "give the column a [columns.NAME] section of its own".into(),
        })?),
    };
    let degrees = systems::parse("EPSG:4326")?;
    let to_degrees = if target.is_crs84_equivalent() || target.is_geographic() {
        None
    } else {
        Some(Transform::new(&target, &degrees).map_err(|error| systems::usage(&error))?)
    };
    let moved = crs_column.is_some() || transforms.iter().any(Option::is_some);
    Ok(Geometry {
        x: column(Role::X, "x")?,
        y: column(Role::Y, "y")?,
        target,
        transforms,
        moved,
        crs_column,
        to_degrees,
    })
}

fn partition_wanted(request: &IngestRequest) -> Result<PartitionRequest> {
    request.partition.parse().map_err(|message| Error::Usage {
        message: format!("--partition {message}"),
        hint: "swath sensor ingest --help".into(),
    })
}

/// Whether partitions are cells of the globe or of the plane.
fn has_cells(wanted: &PartitionRequest) -> bool {
    use PartitionLevel::{Geohash, H3, Tile};
    let PartitionRequest::Levels(levels) = wanted else { return false };
    levels.iter().any(|level| matches!(level, H3(_) | Geohash(_) | Tile(_)))
}

/// The columns whose values are partitions.
fn of_values(wanted: &PartitionRequest, schema: &TableSchema) -> Vec<usize> {
    let PartitionRequest::Levels(levels) = wanted else { return Vec::new() };
    levels.iter().filter_map(|level| column_of(level, schema)).collect()
}

/// The column whose values are the partitions of a level.
pub fn column_of(level: &PartitionLevel, schema: &TableSchema) -> Option<usize> {
    match level {
        PartitionLevel::Sensor => schema.with_role(Role::Sensor),
        PartitionLevel::Column(name) => schema.with_name(name),
        _ => None,
    }
}

fn auto(
    schema: &TableSchema,
    facts: &Facts,
    target: Bytes,
    choices: &mut Vec<(String, String)>,
) -> Vec<PartitionLevel> {
    let span = facts.time_us.filter(|_| schema.with_role(Role::Time).is_some()).map(|(first, last)| last - first);
    let chosen = choose(span, facts.output, target);
    let name = chosen.first().map_or("none".to_string(), ToString::to_string);
    let days = span.map_or(0.0, |span| span as f64 / 86_400e6);
    choices.push((
        "partition".into(),
        format!("{name}: about {} of output over {days:.1} days, for files of {target}", facts.output),
    ));
    chosen
}

/// The error of a file that lacks a column which nobody but inference asked for.
fn other_columns(error: Error) -> Error {
    match error {
        Error::InputCorrupt { place, message, .. } if message.starts_with(NO_COLUMN) => Error::InputCorrupt {
            place,
            message: format!("{message}; other files have it"),
            hint: "ingest files with other columns apart, or name what all have in a schema file: swath sensor schema SRC \
                   > s.toml"
                .into(),
        },
        other => other,
    }
}

/// Reads the headers: files with one header and one reference system share a plan. Each header is noted with its first
/// file.
fn plan_files(
    files: &[InputFile],
    schema: &TableSchema,
    systems: Option<&Systems>,
    headers: &mut Headers,
) -> Result<(Vec<ParsePlan>, Vec<FilePlan>)> {
    let mut plans = Vec::new();
    let mut known: FxHashMap<(Vec<Vec<u8>>, u32), u32> = FxHashMap::default();
    let mut file_plans = Vec::with_capacity(files.len());
    let mut head = vec![0; HEADER_BYTES];
    // Most files begin as the one before them, and then their headers end where its does.
    let mut last: Option<(Vec<u8>, Header)> = None;
    for (position, file) in files.iter().enumerate() {
        if file.end == 0 {
            file_plans.push(FilePlan { plan: 0, transform: 0, data_offset: 0, header_lines: 0 });
            continue;
        }
        let source = file.open()?;
        let read = |into: &mut [u8], length: usize| -> Result<usize> { read_full(&*source, &mut into[..length], 0) };
        let as_before = match &last {
            Some((text, header)) => {
                let length = read(&mut head, text.len())?;
                (head[..length] == text[..]).then(|| header.clone())
            }
            None => None,
        };
        let Header { names, data_offset, lines } = match as_before {
            Some(header) => header,
            None => {
                let length = read(&mut head, HEADER_BYTES)?;
                let head = &head[..length];
                let header = header_of(&file.path, head, head.len() as u64 == file.end, schema)?;
                let text = head.get(..header.data_offset as usize).filter(|text| text.ends_with(b"\n"));
                last = text
                    .filter(|_| schema.csv.header && schema.json.is_none())
                    .map(|text| (text.to_vec(), header.clone()));
                header
            }
        };
        let system = systems.map_or(0, |systems| systems.of_files[position]);
        let key = (names, system);
        let plan = match known.get(&key) {
            Some(&plan) => plan,
            None => {
                // Limits of coordinates are those of the file's own system.
                let bounded = systems.map(|systems| systems.bounded(schema.clone(), system));
                plans.push(ParsePlan::new(&file.path, bounded.as_ref().unwrap_or(schema), &key.0)?);
                headers.push((file.path.clone(), key.0.clone()));
                known.insert(key, plans.len() as u32 - 1);
                plans.len() as u32 - 1
            }
        };
        file_plans.push(FilePlan { plan, transform: 0, data_offset, header_lines: lines });
    }
    Ok((plans, file_plans))
}

fn dedup(
    schema: &TableSchema,
    partition: &[PartitionLevel],
    by_sensor: bool,
    sensor: Option<usize>,
    time: Option<usize>,
) -> Result<Option<Dedup>> {
    let Some(wanted) = &schema.dedup else { return Ok(None) };
    let key: Vec<usize> = wanted
        .key
        .iter()
        .map(|name| {
            schema.with_name(name).ok_or_else(|| Error::Usage {
                message: format!("[dedup] key names {name:?}: there is no such column"),
                hint: "name columns of the table".into(),
            })
        })
        .collect::<Result<_>>()?;
    let sorted: Vec<usize> = sensor.into_iter().chain(time).collect();
    let is_sort_key = sorted.len() == key.len() && sorted.iter().all(|column| key.contains(column));
    let follows_key = partition.iter().all(|level| match level {
        PartitionLevel::Time(_) => true,
        PartitionLevel::Sensor | PartitionLevel::SensorGroups(_) => true,
        PartitionLevel::Column(name) => schema.with_name(name).is_some_and(|column| key.contains(&column)),
        PartitionLevel::H3(_) | PartitionLevel::Geohash(_) | PartitionLevel::Tile(_) => false,
    });
    Ok(Some(Dedup { key, keep: wanted.keep, adjacent: by_sensor && is_sort_key && follows_key }))
}

/// All that the output depends on, for the journal.
pub fn identity(job: &Job, scratch: Option<&Path>) -> serde_json::Value {
    let partition: Vec<String> = job.partition.iter().map(ToString::to_string).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": if job.compacts { "sensor compact" } else { "sensor ingest" },
        "options": {
            "schema": schema_file::write(&job.input_schema, &Notes::default()),
            "partition": partition.join(","),
            "sort": job.sort,
            "compression": job.compression,
            "target_file_size": job.target_file_size,
            "max_record": job.max_record,
            "strict": job.strict,
            "since_us": job.since_us,
            "until_us": job.until_us,
            "bbox": job.bbox,
            "tmp_dir": scratch.map(exact_path),
        },
        "inputs": job.files.iter().map(InputFile::identity).collect::<Vec<_>>(),
        "lake": job.base.as_ref().map(|base| &base.digest),
        // It follows from the sample, too, and is told last.
        "work": {
            "rows of a row group": job.row_group_rows,
            "rows of a run": job.run_rows,
            "bytes of a run": job.run_bytes,
        },
    })
}
