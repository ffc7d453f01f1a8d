//! Gives every row of a batch the identifier of its partition.
//!
//! It computes cells and buckets; it does not decide which levels there are.

use rustc_hash::FxHashMap;
use swath_core::{Error, Result};

use crate::civil::civil_from_days;
use crate::column::{Batch, Values};
use crate::intern::Interner;
use crate::partition::{LevelValue, PartitionLevel, TimeSpan, push_level, tile_index, time_bucket};
use crate::schema::ColumnType;

/// One level, with the columns that it needs resolved to positions.
#[derive(Debug, Clone, PartialEq)]
pub enum Level {
    /// Span of time of the column at this position.
    Time(TimeSpan, usize),
    /// H3 cell.
    H3(h3o::Resolution),
    /// Geohash of this length.
    Geohash(usize),
    /// Square of this size.
    Tile(f64),
    /// The value of the column at this position.
    Column(usize),
    /// The group of the sensor in the column at this position, by identifier.
    SensorGroups(usize),
}

impl Level {
    /// Whether it is a cell of the globe or of the plane.
    pub fn is_cell(&self) -> bool {
        matches!(self, Level::H3(_) | Level::Geohash(_) | Level::Tile(_))
    }
}

/// What rows are assigned by, beside their columns.
pub struct Coordinates<'a> {
    /// Longitude or easting in the target CRS, NaN where there is none.
    pub x: &'a [f64],
    /// Latitude or northing in the target CRS, NaN where there is none.
    pub y: &'a [f64],
    /// Longitude in degrees, for cells of the globe.
    pub longitude: &'a [f64],
    /// Latitude in degrees.
    pub latitude: &'a [f64],
}

/// Which group of neighbours a sensor is in.
#[derive(Clone, Copy)]
pub enum Groups<'a> {
    /// The group of each sensor identifier.
    Of(&'a [u32]),
    /// All are in this one.
    One(u32),
}

impl Groups<'_> {
    fn of(self, sensor: u32) -> u32 {
        match self {
            // A sensor that nobody sighted is with the first ones.
            Groups::Of(groups) => groups.get(sensor as usize).copied().unwrap_or(0),
            Groups::One(group) => group,
        }
    }
}

/// What identifiers stand for.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Texts of categories.
    pub texts: &'a Interner,
    /// Groups of sensors.
    pub groups: Groups<'a>,
    /// Values of partitions; new ones are added.
    pub partitions: &'a Interner,
}

/// Remembers which values were seen, per worker.
#[derive(Default)]
pub struct Assigner {
    codes: Vec<u64>,
    known: FxHashMap<Box<[u64]>, u32>,
    last: Option<(Vec<u64>, u32)>,
    value: Vec<u8>,
}

/// Values that a worker remembers; beyond, it asks the shared interner again.
const KNOWN_MAX: usize = 1 << 14;

impl Assigner {
    /// Memory that a worker's memory of values may take: there are few spans of time in a batch.
    pub fn bytes_max(levels: &[Level]) -> u64 {
        let only_times = levels.iter().all(|level| matches!(level, Level::Time(..)));
        if only_times { 64 << 10 } else { (KNOWN_MAX * 2 * 64) as u64 }
    }

    /// Finds the levels of a request among the columns of a table.
    ///
    /// # Errors
    /// [`Error::Usage`] when a level needs a column that is not there.
    pub fn resolve(levels: &[PartitionLevel], schema: &crate::schema::TableSchema) -> Result<Vec<Level>> {
        use crate::schema::Role;
        let wanted = |level: &PartitionLevel, role: Role, what: &str| {
            schema.with_role(role).ok_or_else(|| Error::Usage {
                message: format!("--partition {level} needs a column with the role {what}; the schema has none"),
                hint: "name one in the schema file: swath sensor schema SRC > s.toml".into(),
            })
        };
        levels
            .iter()
            .map(|level| {
                if matches!(level, PartitionLevel::H3(_) | PartitionLevel::Geohash(_) | PartitionLevel::Tile(_)) {
                    wanted(level, Role::X, "x")?;
                    wanted(level, Role::Y, "y")?;
                }
                Ok(match level {
                    PartitionLevel::Time(span) => Level::Time(*span, wanted(level, Role::Time, "time")?),
                    PartitionLevel::H3(resolution) => Level::H3(
                        h3o::Resolution::try_from(*resolution).map_err(|error| Error::unexpected(error.to_string()))?,
                    ),
                    PartitionLevel::Geohash(length) => Level::Geohash(usize::from(*length)),
                    PartitionLevel::Tile(size) => Level::Tile(*size),
                    PartitionLevel::Sensor => Level::Column(wanted(level, Role::Sensor, "sensor")?),
                    PartitionLevel::SensorGroups(_) => {
                        wanted(level, Role::X, "x")?;
                        let sensor = wanted(level, Role::Sensor, "sensor")?;
                        if schema.columns[sensor].column_type != ColumnType::Category {
                            return Err(no_groups(level, &schema.columns[sensor].name));
                        }
                        Level::SensorGroups(sensor)
                    }
                    PartitionLevel::Column(name) => match schema.with_name(name) {
                        Some(column) if !has_no_folders(schema.columns[column].column_type) => Level::Column(column),
                        Some(column) => return Err(no_folders(name, schema.columns[column].column_type)),
                        None => {
                            let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
                            return Err(Error::Usage {
                                message: format!("--partition column:{name}: there is no such column"),
                                hint: format!("the columns are {}", names.join(", ")),
                            });
                        }
                    },
                })
            })
            .collect()
    }

    /// Appends to `ids` the partitions of some rows of a batch.
    ///
    /// # Errors
    /// When there are more partitions than their interner may hold.
    pub fn assign(
        &mut self,
        levels: &[Level],
        batch: &Batch,
        rows: impl ExactSizeIterator<Item = usize>,
        coordinates: &Coordinates<'_>,
        names: Names<'_>,
        ids: &mut Vec<u32>,
    ) -> Result<()> {
        if levels.is_empty() {
            let id = names.partitions.intern(&[])?;
            ids.resize(ids.len() + rows.len(), id);
            return Ok(());
        }
        for row in rows {
            self.codes.clear();
            let mut present = 0;
            for (position, level) in levels.iter().enumerate() {
                let code = code_of(level, batch, row, coordinates, names.groups);
                present |= u64::from(code.is_some()) << position;
                self.codes.push(code.unwrap_or(0));
            }
            self.codes.push(present);
            // A tile has two numbers; the second ones come last.
            self.codes.extend(levels.iter().filter_map(|level| match *level {
                Level::Tile(size) => Some(tile_of(coordinates, row, size).map_or(0, |(_, south)| south as u64)),
                _ => None,
            }));
            let id = match &self.last {
                Some((codes, id)) if *codes == self.codes => *id,
                _ => {
                    let id = self.lookup(levels, batch, row, coordinates, names)?;
                    let (codes, last) = self.last.get_or_insert_default();
                    codes.clone_from(&self.codes);
                    *last = id;
                    id
                }
            };
            ids.push(id);
        }
        Ok(())
    }

    fn lookup(
        &mut self,
        levels: &[Level],
        batch: &Batch,
        row: usize,
        coordinates: &Coordinates<'_>,
        names: Names<'_>,
    ) -> Result<u32> {
        // Text that is not interned has no code of its own, so only the value itself tells.
        let cacheable = !levels.iter().any(|level| {
            matches!(level, Level::Column(column) if matches!(batch.columns[*column].values, Values::Text { .. }))
        });
        if cacheable && let Some(&id) = self.known.get(self.codes.as_slice()) {
            return Ok(id);
        }
        self.value.clear();
        let present = self.codes[levels.len()];
        for (position, (level, &code)) in levels.iter().zip(&self.codes).enumerate() {
            match present >> position & 1 {
                0 => push_level(&mut self.value, LevelValue::Null),
                _ => push_value(&mut self.value, level, code, batch, row, coordinates, names.texts),
            }
        }
        let id = names.partitions.intern(&self.value)?;
        if cacheable {
            if self.known.len() >= KNOWN_MAX {
                self.known.clear();
            }
            self.known.insert(self.codes.as_slice().into(), id);
        }
        Ok(id)
    }
}

/// The error for a column whose values would make a folder each.
fn no_folders(name: &str, column_type: ColumnType) -> Error {
    let (what, hint) = match column_type {
        ColumnType::Timestamp => ("a timestamp", "hour, day, month and year partition by the time column"),
        _ => ("a float", "partition by a category, string, bool, integer or date"),
    };
    Error::Usage { message: format!("--partition column:{name}: {name} is {what} column"), hint: hint.into() }
}

/// The error for sensors without the identifiers that groups are made of.
fn no_groups(level: &PartitionLevel, name: &str) -> Error {
    Error::Usage {
        message: format!("--partition {level} needs sensors of type category; column {name:?} has another type"),
        hint: format!("give it type = \"category\" in the schema file, under [columns.{name:?}]"),
    }
}

fn has_no_folders(column_type: ColumnType) -> bool {
    use ColumnType::{Float32, Float64, Timestamp};
    matches!(column_type, Float32 | Float64 | Timestamp)
}

/// A number that tells the values of a level apart, but for the south edges of tiles; rows of text get their position,
/// which tells all apart.
fn code_of(level: &Level, batch: &Batch, row: usize, coordinates: &Coordinates<'_>, groups: Groups<'_>) -> Option<u64> {
    match *level {
        Level::Time(span, column) => {
            batch.columns[column].time_us(row).map(|time_us| time_bucket(span, time_us) as u64)
        }
        Level::H3(resolution) => h3o::LatLng::new(coordinates.latitude[row], coordinates.longitude[row])
            .ok()
            .map(|point| u64::from(point.to_cell(resolution))),
        Level::Geohash(_) => match (coordinates.longitude[row], coordinates.latitude[row]) {
            (x, y) if x.is_finite() && y.is_finite() => Some(geohash_code(x, y)),
            _ => None,
        },
        Level::Tile(size) => tile_of(coordinates, row, size).map(|(west, _)| west as u64),
        Level::SensorGroups(column) => match &batch.columns[column].values {
            Values::Category(ids) if batch.columns[column].valid[row] != 0 => Some(u64::from(groups.of(ids[row]))),
            _ => None,
        },
        Level::Column(column) => {
            let column = &batch.columns[column];
            if column.valid[row] == 0 {
                return None;
            }
            match &column.values {
                Values::Bool(values) => Some(u64::from(values[row])),
                Values::Int32(values) | Values::Date(values) => Some(i64::from(values[row]) as u64),
                Values::Int64(values) | Values::Timestamp(values) => Some(values[row] as u64),
                Values::Category(values) => Some(u64::from(values[row])),
                Values::Text { .. } => Some(row as u64),
                Values::Float32(_) | Values::Float64(_) => None,
            }
        }
    }
}

/// Less than a cell of any geohash, in degrees.
const EDGE: f64 = 1e-8;

/// Longitude and latitude in 30 bits each: just what a geohash of 12 characters tells.
fn geohash_code(x: f64, y: f64) -> u64 {
    let bits = |value: f64, low: f64, width: f64| (((value - low) / width) * f64::from(1u32 << 30)) as u64;
    bits(x, -180.0, 360.0) << 31 | bits(y, -90.0, 180.0)
}

fn tile_of(coordinates: &Coordinates<'_>, row: usize, size: f64) -> Option<(i64, i64)> {
    let (x, y) = (coordinates.x[row], coordinates.y[row]);
    (x.is_finite() && y.is_finite()).then(|| (tile_index(x, size), tile_index(y, size)))
}

fn push_value(
    value: &mut Vec<u8>,
    level: &Level,
    code: u64,
    batch: &Batch,
    row: usize,
    coordinates: &Coordinates<'_>,
    texts: &Interner,
) {
    match *level {
        Level::Time(..) | Level::H3(_) | Level::SensorGroups(_) => push_level(value, LevelValue::Number(code as i64)),
        Level::Geohash(length) => {
            // The last cells hold their outer edges, too, where the crate would begin anew.
            let (x, y) = (coordinates.longitude[row].min(180.0 - EDGE), coordinates.latitude[row].min(90.0 - EDGE));
            let point = geohash::Coord { x, y };
            match geohash::encode(point, length) {
                Ok(text) => push_level(value, LevelValue::Text(text.as_bytes())),
                Err(_) => push_level(value, LevelValue::Null),
            }
        }
        Level::Tile(size) => match tile_of(coordinates, row, size) {
            Some((west, south)) => push_level(value, LevelValue::Tile(west, south)),
            None => push_level(value, LevelValue::Null),
        },
        Level::Column(column) => match &batch.columns[column].values {
            Values::Category(ids) => texts.with_text(ids[row], |text| push_level(value, LevelValue::Text(text))),
            Values::Text { ends, bytes } => {
                let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                push_level(value, LevelValue::Text(&bytes[start..ends[row] as usize]));
            }
            Values::Bool(values) => {
                push_level(value, LevelValue::Text(if values[row] == 0 { b"false" } else { b"true" }));
            }
            Values::Date(values) => {
                let (year, month, day) = civil_from_days(i64::from(values[row]));
                push_level(value, LevelValue::Text(format!("{year:04}-{month:02}-{day:02}").as_bytes()));
            }
            _ => push_level(value, LevelValue::Text((code as i64).to_string().as_bytes())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::{PartitionRequest, folder_of};
    use swath_core::Bytes;

    /// Edges of cells: those of geohash as by halving intervals with `value >= middle`, those of tiles as they are named.
    #[test]
    fn edges_belong_to_the_cell_that_begins_there_and_the_last_to_the_last() {
        let folder = |level: &Level, request: &str, x: f64, y: f64| {
            let (x, y) = ([x], [y]);
            let coordinates = Coordinates { x: &x, y: &y, longitude: &x, latitude: &y };
            let texts = Interner::new("categories", Bytes(10_000));
            let mut value = Vec::new();
            let code = code_of(level, &Batch::new([]), 0, &coordinates, Groups::Of(&[])).expect("a place");
            push_value(&mut value, level, code, &Batch::new([]), 0, &coordinates, &texts);
            let Ok(PartitionRequest::Levels(levels)) = request.parse() else { panic!("{request}") };
            folder_of(&levels, &value, &[])
        };
        for (x, y, cell) in [
            (10.0, 90.0, "upz"),
            (180.0, -45.0, "rbp"),
            (180.0, 90.0, "zzz"),
            (-180.0, -90.0, "000"),
            (180.0, -90.0, "pbp"),
            (-180.0, 90.0, "bpb"),
            (0.0, 0.0, "s00"),
        ] {
            assert_eq!(folder(&Level::Geohash(3), "geohash:3", x, y), format!("geohash={cell}"), "{x} {y}");
        }
        for (size, step) in [(0.1, 0.1), (0.05, 0.05), (0.3, 0.3), (0.7, 0.7), (7.3, 7.3), (10.0, 2.5)] {
            for at in -400i32..400 {
                let x: f64 = format!("{:.6}", f64::from(at) * step).parse().expect("a number");
                let name = folder(&Level::Tile(size), &format!("tile:{size}"), x, 0.0);
                let west: f64 =
                    name["tile=".len()..].split('_').next().and_then(|west| west.parse().ok()).expect("an edge");
                assert!(west <= x && x < west + size * 0.999_999, "{x} is in {name}, of size {size}");
            }
        }
    }

    #[test]
    fn rows_land_in_the_folders_of_their_values() {
        let texts = Interner::new("categories", Bytes(10_000));
        let (a, b) = (texts.intern(b"a").expect("fits"), texts.intern(b"b/c").expect("fits"));
        let mut batch = Batch::new([ColumnType::Category, ColumnType::Timestamp, ColumnType::String]);
        batch.columns[0].values = Values::Category(vec![a, b, a]);
        batch.columns[1].values = Values::Timestamp(vec![0, 86_400_000_000, -1]);
        batch.columns[2].values = Values::Text { ends: vec![1, 2, 3], bytes: b"xyx".to_vec() };
        batch.columns.iter_mut().for_each(|column| column.valid = vec![1, 1, 1]);
        batch.offsets = vec![0, 1, 2];
        let (x, y) = ([10.5, -0.2, f64::NAN], [50.2, 51.0, f64::NAN]);
        let coordinates = Coordinates { x: &x, y: &y, longitude: &x, latitude: &y };
        for (request, levels, folders) in [
            ("none", vec![], ["", "", ""]),
            ("day", vec![Level::Time(TimeSpan::Day, 1)], ["date=1970-01-01", "date=1970-01-02", "date=1969-12-31"]),
            ("sensor", vec![Level::Column(0)], ["sensor=a", "sensor=b%2Fc", "sensor=a"]),
            ("column:t", vec![Level::Column(2)], ["t=x", "t=y", "t=x"]),
            ("sensor:2", vec![Level::SensorGroups(0)], ["sensor_group=1", "sensor_group=0", "sensor_group=1"]),
            ("tile:1", vec![Level::Tile(1.0)], ["tile=10_50", "tile=-1_51", "tile=__HIVE_DEFAULT_PARTITION__"]),
            (
                "geohash:3",
                vec![Level::Geohash(3)],
                ["geohash=u0z", "geohash=gcp", "geohash=__HIVE_DEFAULT_PARTITION__"],
            ),
            (
                "h3:2",
                vec![Level::H3(h3o::Resolution::Two)],
                ["h3=821faffffffffff", "h3=82194ffffffffff", "h3=__HIVE_DEFAULT_PARTITION__"],
            ),
        ] {
            let partitions = Interner::new("partitions", Bytes(10_000));
            let PartitionRequest::Levels(requested) = request.parse().expect(request) else { panic!("auto") };
            let mut ids = Vec::new();
            let names = Names { texts: &texts, groups: Groups::Of(&[1, 0]), partitions: &partitions };
            Assigner::default().assign(&levels, &batch, 0..3, &coordinates, names, &mut ids).expect("few partitions");
            let named: Vec<String> =
                ids.iter().map(|&id| partitions.with_text(id, |value| folder_of(&requested, value, &[]))).collect();
            assert_eq!(named, folders, "{request}");
        }
    }

    /// The folders of the rows of a batch.
    fn folders(
        request: &str,
        level: Level,
        batch: &Batch,
        coordinates: &Coordinates<'_>,
        (texts, groups): (&Interner, &[u32]),
    ) -> Vec<String> {
        let partitions = Interner::new("partitions", Bytes(10_000));
        let PartitionRequest::Levels(requested) = request.parse().expect(request) else { panic!("auto") };
        let mut ids = Vec::new();
        let names = Names { texts, groups: Groups::Of(groups), partitions: &partitions };
        Assigner::default()
            .assign(&[level], batch, 0..batch.rows(), coordinates, names, &mut ids)
            .expect("few partitions");
        ids.iter().map(|&id| partitions.with_text(id, |value| folder_of(&requested, value, &[]))).collect()
    }

    #[test]
    fn a_missing_sensor_has_no_group() {
        let texts = Interner::new("categories", Bytes(10_000));
        let mut batch = Batch::new([ColumnType::Category]);
        (batch.columns[0].values, batch.columns[0].valid) = (Values::Category(vec![1, 1]), vec![1, 0]);
        batch.offsets = vec![0, 1];
        let none = Coordinates { x: &[], y: &[], longitude: &[], latitude: &[] };
        let got = folders("sensor:2", Level::SensorGroups(0), &batch, &none, (&texts, &[0, 1]));
        assert_eq!(got, ["sensor_group=1", "sensor_group=__HIVE_DEFAULT_PARTITION__"]);
    }

    #[test]
    fn tiles_far_apart_are_told_apart() {
        let texts = Interner::new("categories", Bytes(10_000));
        let mut batch = Batch::new([]);
        batch.offsets = vec![0, 1, 2, 3];
        let far = 4_294_967_296.0;
        let (x, y) = ([0.5, far + 0.5, 0.5, 1.5], [0.5, 0.5, far + 0.5, 0.5]);
        let coordinates = Coordinates { x: &x, y: &y, longitude: &x, latitude: &y };
        let got = folders("tile:1", Level::Tile(1.0), &batch, &coordinates, (&texts, &[]));
        assert_eq!(got, ["tile=0_0", "tile=4294967296_0", "tile=0_4294967296", "tile=1_0"]);
    }

    #[test]
    fn groups_of_sensors_want_categories() {
        for (column_type, is_fine) in
            [(ColumnType::Category, true), (ColumnType::String, false), (ColumnType::Int32, false)]
        {
            let text = format!(
                "[columns.id]\ntype = \"{}\"\nrole = \"sensor\"\n[columns.x]\ntype = \"float64\"\nrole = \"x\"\n\
                 [columns.y]\ntype = \"float64\"\nrole = \"y\"\n",
                format!("{column_type:?}").to_lowercase()
            );
            let file = crate::schema_file::parse(&text, std::path::Path::new("s.toml")).expect("a schema file");
            let schema = file.resolve(None).expect("a schema");
            let resolved = Assigner::resolve(&[PartitionLevel::SensorGroups(2)], &schema);
            assert_eq!(resolved.is_ok(), is_fine, "{column_type:?}");
            if let Err(error) = resolved {
                assert_eq!(error.exit_code(), 2);
                assert!(error.hint().unwrap_or_default().contains("type = \"category\""), "{error}");
            }
        }
    }
}
