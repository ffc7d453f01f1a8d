//! The lake that a batch is added to: what its manifest freezes, and which of its files a batch may touch.
//!
//! It reads the manifest only; `recall.rs` reads rows.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Value, json};
use swath_core::{Bytes, Error, Fnv64, Result, Stop, fault};
use swath_formats::csv::ParsePlan;
use swath_table::assign::Level;
use swath_table::partition::{PartitionLevel, PartitionRequest, TimeSpan};
use swath_table::schema::{Checks, ColumnSchema, CsvFormat, TableSchema, Violation};
use swath_table::schema_file::{self, Notes, SchemaFile};

use super::job::Dedup;
use crate::info::manifest::{self, Batch, Entry, Manifest};
use crate::outcome::{CheckFinding, Rows};
use crate::request::{AppendWishes, Common, Compression, IngestRequest, SortOrder};

/// Bytes that a file takes in tables beside its path: its entry, and its place among those that change.
pub const FILE_BYTES: u64 = 480;

/// A lake as its manifest tells.
pub struct Lake {
    /// The table, with how the first batch was written.
    pub schema: TableSchema,
    /// The same as a file.
    pub schema_text: String,
    /// How rows are partitioned.
    pub partition: String,
    /// Their order.
    pub sort: SortOrder,
    /// Compression of part files.
    pub compression: Compression,
    /// Where parts end.
    pub target_file_size: Bytes,
    /// No record was longer.
    pub max_record: Bytes,
    /// Rows of a row group.
    pub row_group_rows: u32,
    /// The data files.
    pub files: Vec<Entry>,
    /// What became of all rows so far.
    pub rows: Rows,
    /// All inputs so far.
    pub inputs: Value,
    /// Rejects so far.
    pub rejects: manifest::Rejects,
    /// What checks found in the last run.
    pub checks: Vec<CheckFinding>,
    /// Bytes of text of a row, on average.
    pub text_per_row: f64,
    /// Texts of categories and sensors, and their bytes.
    pub texts: (u64, u64),
    /// Batches that were added to the first one.
    pub appended: u64,
    /// The last of them.
    pub last_batch: Option<Batch>,
    /// What tells the batches, the last one at the end.
    pub batches: Vec<String>,
    /// Files that are not as the manifest has them, as sentences.
    pub faults: Vec<String>,
    /// Whether changes that an interrupted run had begun were brought to their end first.
    pub completed: bool,
    /// What the options of the manifest say.
    pub options: Value,
    /// Tells this manifest from any other.
    pub digest: String,
    /// The table as it is read from part files, and how.
    pub own: (TableSchema, ParsePlan),
}

impl Lake {
    /// The lake that a request adds to; none where nothing is there.
    ///
    /// # Errors
    /// [`Error::OutputExists`] where something else is there, or a lake of another version; [`Error::Usage`] where
    /// the request says otherwise than the lake does.
    pub fn of(request: &IngestRequest) -> Result<Option<Lake>> {
        let Some(wishes) = &request.append else { return Ok(None) };
        let completed = complete(&request.output, &request.common)?;
        if is_free(&request.output) {
            return Ok(None);
        }
        let lake = Lake { completed, ..Lake::open(&request.output)? };
        lake.check_wishes(wishes)?;
        Ok(Some(lake))
    }

    /// The lake that is made of fewer files.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn to_compact(path: &Path, common: &Common) -> Result<Lake> {
        let completed = complete(path, common)?;
        Ok(Lake { completed, ..Lake::open(path)? })
    }

    /// What a person should know of the lake before it changes.
    pub fn warnings(&self, path: &Path) -> Vec<String> {
        let completed = self.completed.then(|| completed(path));
        let faults = self.faults.iter().map(|fault| format!("{} is not as it was written: {fault}", path.display()));
        completed.into_iter().chain(faults).collect()
    }

    /// Reads the manifest of a lake.
    ///
    /// # Errors
    /// [`Error::OutputExists`].
    pub fn open(path: &Path) -> Result<Lake> {
        let refuse =
            |message: String, hint: &str| Error::OutputExists { path: path.into(), message, hint: hint.into() };
        let only = "rows are added to, and files merged in, a lake that swath sensor ingest made";
        let digest = digest(path)?;
        let manifest = match manifest::read(path) {
            Some(Ok(manifest)) => manifest,
            Some(Err(reason)) => return Err(refuse(format!("what stands there is no lake: {reason}"), only)),
            None => return Err(refuse("what stands there is no lake: it has no manifest".into(), only)),
        };
        let faults = manifest::check(path, &manifest, &Stop::new())?.faults;
        let Manifest { options, schema: schema_text, .. } = &manifest;
        let option = |name: &str| options.get(name).cloned().unwrap_or_default();
        let read = || -> std::result::Result<_, serde_json::Error> {
            Ok((
                serde_json::from_value(option("partition"))?,
                serde_json::from_value(option("sort"))?,
                serde_json::from_value(option("compression"))?,
                serde_json::from_value(option("target_file_size"))?,
                serde_json::from_value(option("max_record"))?,
            ))
        };
        let (partition, sort, compression, target_file_size, max_record): (String, _, _, _, _) =
            read().map_err(|error| refuse(format!("its manifest does not tell how it was made: {error}"), only))?;
        if manifest.rows_per_row_group == 0 || manifest.files.iter().any(|file| file.sha256.is_empty()) {
            return Err(refuse("its manifest does not tell rows and sums of its files".into(), only));
        }
        let schema = schema_file::parse(schema_text, &path.join(manifest::FILE))?.resolve(None)?;
        if !schema.crs.files.is_empty() {
            return Err(Error::Usage {
                message: format!(
                    "{}: its rows come from files of several reference systems, by [[crs.files]], and do not tell which",
                    path.display()
                ),
                hint: "ingest all files anew; or name the system of each row by [crs] column".into(),
            });
        }
        let own = own_table(&schema.pivoted());
        let names: Vec<Vec<u8>> = own.columns.iter().map(|column| column.name.clone().into_bytes()).collect();
        let plan = ParsePlan::new(path, &own, &names)?;
        Ok(Lake {
            schema_text: schema_text.clone(),
            partition: if partition.is_empty() { "none".into() } else { partition },
            sort,
            compression,
            target_file_size,
            max_record,
            row_group_rows: manifest.rows_per_row_group,
            rows: manifest.rows,
            inputs: manifest.inputs,
            rejects: manifest.rejects,
            checks: manifest.checks,
            texts: manifest.texts,
            text_per_row: manifest.text_per_row,
            appended: manifest.appended,
            last_batch: manifest.last_batch,
            batches: manifest.batches,
            faults,
            completed: false,
            options: manifest.options,
            files: manifest.files,
            digest,
            own: (own, plan),
            schema,
        })
    }

    /// The request with what the lake has settled.
    pub fn settle(&self, request: &IngestRequest) -> IngestRequest {
        IngestRequest {
            partition: self.partition.clone(),
            sort: self.sort,
            target_file_size: self.target_file_size,
            compression: self.compression,
            ..request.clone()
        }
    }

    /// The schema that a batch is read by: that of the lake, or a file that says how the batch is written.
    ///
    /// # Errors
    /// Those of schema files.
    pub fn given(&self, file: Option<(SchemaFile, &Path)>) -> Result<SchemaFile> {
        let text = match &file {
            None => self.schema_text.clone(),
            Some((file, _)) => schema_file::write(&file.resolve(Some(&self.schema))?, &Notes::default()),
        };
        schema_file::parse(&text, file.map_or(Path::new(manifest::FILE), |(_, path)| path))
    }

    /// Refuses flags that say otherwise than the lake does.
    fn check_wishes(&self, wishes: &AppendWishes) -> Result<()> {
        let levels = |text: &str| match text.parse::<PartitionRequest>() {
            Ok(PartitionRequest::Levels(levels)) => Ok(Some(levels)),
            Ok(PartitionRequest::Auto) => Ok(None),
            Err(message) => Err(Error::Usage {
                message: format!("--partition {message}"),
                hint: "swath sensor ingest --help".into(),
            }),
        };
        let wanted = wishes.partition.as_deref().map(levels).transpose()?.flatten();
        let own = levels(&self.partition)?;
        let words = |value: Value| value.as_str().unwrap_or_default().to_string();
        let differ = [
            wanted
                .filter(|wanted| own.as_ref() != Some(wanted))
                .map(|_| ("--partition", self.partition.clone(), wishes.partition.clone().unwrap_or_default())),
            wishes
                .sort
                .filter(|sort| *sort != self.sort)
                .map(|sort| ("--sort", words(json!(self.sort)), words(json!(sort)))),
            wishes
                .compression
                .filter(|codec| *codec != self.compression)
                .map(|codec| ("--compression", words(json!(self.compression)), words(json!(codec)))),
            wishes
                .target_file_size
                .filter(|size| *size != self.target_file_size)
                .map(|size| ("--target-file-size", self.target_file_size.to_string(), size.to_string())),
        ];
        if let Some((flag, is, wanted)) = differ.into_iter().flatten().next() {
            return Err(Error::Usage {
                message: format!("{flag} {wanted}: the lake was made with {is}, which --append keeps"),
                hint: format!("leave {flag} out, or ingest all files into another lake"),
            });
        }
        if let Some(level) = own.into_iter().flatten().find(|level| matches!(level, PartitionLevel::SensorGroups(_))) {
            return Err(Error::Usage {
                message: format!(
                    "the lake is partitioned by {level}: groups of near neighbours follow from all rows, so a batch \
                     cannot be added to them"
                ),
                hint:
                    "ingest all files anew, or choose --partition sensor, day, h3:RES or another that a row tells by \
                       itself"
                        .into(),
            });
        }
        Ok(())
    }

    /// Refuses a schema that is another than the lake's. How files are written may change from batch to batch.
    ///
    /// # Errors
    /// [`Error::Usage`] with the first difference.
    pub fn check_schema(&self, schema: &TableSchema) -> Result<()> {
        let refuse = |what: String| {
            Err(Error::Usage {
                message: format!("--schema says otherwise than the lake: {what}"),
                hint: "leave --schema out: the schema of the lake is in its manifest; or ingest into another lake"
                    .into(),
            })
        };
        let names =
            |schema: &TableSchema| -> Vec<String> { schema.columns.iter().map(|column| column.name.clone()).collect() };
        let (is, wanted) = (names(&self.schema), names(schema));
        if is != wanted {
            return refuse(format!("its columns are {}, and the file has {}", is.join(", "), wanted.join(", ")));
        }
        for (is, wanted) in self.schema.columns.iter().zip(&schema.columns) {
            if let Some(difference) = swath_core::difference(&frozen(is), &frozen(wanted)) {
                return refuse(format!("column {:?}: {difference}", is.name));
            }
        }
        let beside = |schema: &TableSchema| json!({"crs": schema.crs, "dedup": schema.dedup, "pivot": schema.pivot});
        match swath_core::difference(&beside(&self.schema), &beside(schema)) {
            Some(difference) => refuse(difference),
            None => Ok(()),
        }
    }

    /// When the manifest was written, in nanoseconds since 1970.
    pub fn written_ns(path: &Path) -> i128 {
        let made = std::fs::metadata(path.join(manifest::FILE)).and_then(|there| there.modified()).ok();
        let since = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
        since.map_or(0, |since| since.as_nanos() as i128)
    }

    /// Bytes of its tables in memory.
    pub fn table_bytes(&self) -> Bytes {
        let paths: usize = self.files.iter().map(|file| file.path.as_os_str().len()).sum();
        Bytes(4 * paths as u64 + self.files.len() as u64 * FILE_BYTES)
    }
}

/// The folders in which several files are smaller than they need be.
pub fn loose(lake: &Lake, target: Bytes) -> FxHashSet<String> {
    let mut small: FxHashMap<String, u32> = FxHashMap::default();
    // A file has a little less than the row groups that it was cut by.
    for file in lake.files.iter().filter(|file| Bytes(file.bytes) < target.percent(90)) {
        *small.entry(folder(file)).or_default() += 1;
    }
    small.into_iter().filter(|(_, files)| *files > 1).map(|(folder, _)| folder).collect()
}

/// What tells one manifest from another; nothing where there is none.
///
/// # Errors
/// [`Error::InputUnreadable`].
pub fn digest(lake: &Path) -> Result<String> {
    let mut hash = Fnv64::default();
    let path = lake.join(manifest::FILE);
    if let Ok(mut file) = File::open(&path) {
        let mut block = [0; 8192];
        loop {
            let read = fault::point("manifest.read").and_then(|()| file.read(&mut block));
            match read.map_err(|error| Error::reading(&path, &error))? {
                0 => break,
                read => hash.update(&block[..read]),
            }
        }
    }
    Ok(format!("{:016x}", hash.finish()))
}

/// Brings changes to their end that an interrupted run had begun; answers whether there were any. A plan changes nothing.
fn complete(path: &Path, common: &Common) -> Result<bool> {
    match common.only_plans {
        false => swath_core::complete_changes(path),
        true if !swath_core::has_changes(path) => Ok(false),
        true => Err(Error::OutputExists {
            path: path.into(),
            message: "a run was interrupted while it changed the lake, and what it began is to be ended first".into(),
            hint: "the same command without --explain does so".into(),
        }),
    }
}

/// What is told where changes were completed.
pub fn completed(path: &Path) -> String {
    format!("a run was interrupted while it changed {}: what it had begun was brought to its end first", path.display())
}

/// Whether nothing is there, or an empty folder.
pub fn is_free(path: &Path) -> bool {
    match path.symlink_metadata() {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(_) => std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()),
    }
}

/// What of a column does not change from batch to batch.
fn frozen(column: &ColumnSchema) -> Value {
    let mut frozen = json!(column);
    if let Some(frozen) = frozen.as_object_mut() {
        let of_batch = ["source", "format", "timezone", "year", "negate", "missing", "name"];
        frozen.retain(|name, _| !of_batch.contains(&name.as_str()));
        if let Some(of_type) = frozen.remove("column_type") {
            frozen.insert("type".into(), of_type);
        }
    }
    frozen
}

/// The table as it stands in part files, where every value is one.
fn own_table(schema: &TableSchema) -> TableSchema {
    // Every field by name: what says how a batch was written must not be done to its rows once more.
    let column = |column: &ColumnSchema| ColumnSchema {
        name: column.name.clone(),
        column_type: column.column_type,
        role: column.role,
        source: vec![column.name.clone()],
        format: None,
        timezone: None,
        year: None,
        negate: false,
        min: None,
        max: None,
        out_of_range: Violation::Reject,
        invalid: Violation::Reject,
        missing: None,
        units: column.units.clone(),
        required: false,
    };
    TableSchema {
        csv: CsvFormat { missing: Vec::new(), ..CsvFormat::default() },
        json: None,
        columns: schema.columns.iter().map(column).collect(),
        pivot: None,
        crs: schema.crs.clone(),
        dedup: None,
        checks: Checks::NONE,
    }
}

/// For each level of the folders, whether rows with one key of dedup are in the same: others may hold one as well.
pub fn follow_key(levels: &[Level], time: Option<usize>, dedup: Option<&Dedup>) -> Vec<bool> {
    let Some(dedup) = dedup.filter(|dedup| !dedup.adjacent) else { return Vec::new() };
    let in_key = |column: usize| dedup.key.contains(&column);
    let mut follow = Vec::new();
    for level in levels {
        let follows = match level {
            Level::Time(..) => time.is_some_and(in_key),
            Level::Column(column) | Level::SensorGroups(column) => in_key(*column),
            Level::H3(_) | Level::Geohash(_) | Level::Tile(_) => false,
        };
        // An hour is a day and an hour.
        let folders = if matches!(level, Level::Time(TimeSpan::Hour, _)) { 2 } else { 1 };
        follow.extend(std::iter::repeat_n(follows, folders));
    }
    follow
}

/// The part of a folder's path that all partitions share which may hold the same keys.
pub fn kin(folder: &str, follow: &[bool]) -> String {
    let levels = folder.split('/').enumerate();
    levels
        .filter(|(at, _)| follow.get(*at).copied().unwrap_or(true))
        .map(|(_, level)| level)
        .collect::<Vec<_>>()
        .join("/")
}

/// The group of neighbours that the rows of a folder are in, where they are in one.
pub fn group_of(folder: &str, levels: &[PartitionLevel]) -> Option<u32> {
    let mut names = folder.split('/');
    for level in levels {
        let name = names.next()?;
        match level {
            PartitionLevel::SensorGroups(_) => return name.split_once('=')?.1.parse().ok(),
            PartitionLevel::Time(TimeSpan::Hour) => drop(names.next()),
            _ => {}
        }
    }
    None
}

/// The folder of a file in a lake.
pub fn folder(file: &Entry) -> String {
    file.path.parent().map(PathBuf::from).unwrap_or_default().to_string_lossy().into_owned()
}
