//! What all files of a lake have in common: columns, geometry, sorting, codec, and the words of the footer.
//!
//! It is built once per run; nothing in it depends on the rows.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, encode_arrow_schema};
use parquet::basic::{ColumnOrder, Compression};
use parquet::file::metadata::{FileMetaData, KeyValue, SortingColumn};
use parquet::schema::types::SchemaDescPtr;
use serde_json::{Value, json};
use swath_core::{Error, Result};

use super::compress::footer_codec;
use super::geometry::Bounds;

/// The version of the file format that the footer names: the one that brought the encodings in use.
const FORMAT_VERSION: i32 = 2;
/// The key under which a mini file keeps its box.
pub(super) const BOUNDS_KEY: &str = "swath.bbox";

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LakeCompression {
    /// Zstandard, level 1 (fast) to 22 (small).
    Zstd {
        /// The level.
        level: i32,
    },
    /// Snappy.
    Snappy,
    /// Not at all.
    None,
}

/// Which columns make the points, and what they mean.
#[derive(Debug, Clone, PartialEq)]
pub struct PointColumns {
    /// Name of the geometry column.
    pub name: String,
    /// Position of the x (easting, longitude) column, a Float64: an attribute, or the first column
    /// beyond them, which then makes points only.
    pub x: usize,
    /// Position of the y (northing, latitude) column, likewise.
    pub y: usize,
    /// The coordinate system as PROJJSON; none is OGC:CRS84.
    pub crs: Option<Value>,
}

/// A column that the rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    /// Its position among the attributes.
    pub column: usize,
    /// Whether larger values come first.
    pub descending: bool,
    /// Whether nulls come first.
    pub nulls_first: bool,
}

/// What the files of a lake shall hold.
#[derive(Debug, Clone)]
pub struct LakeColumns {
    /// The attributes: Boolean, Int32, Int64, Float32, Float64, Timestamp(Microsecond, "UTC"), Date32, Utf8, or
    /// Dictionary(Int32, Utf8) for categories. Metadata of the fields (units) is kept.
    pub attributes: SchemaRef,
    /// The points, if there are any.
    pub geometry: Option<PointColumns>,
    /// The columns that rows are sorted by, most significant first.
    pub sorting: Vec<SortColumn>,
    /// Position of the time column, whose range [`PartSummary`](super::PartSummary) tells.
    pub time: Option<usize>,
    /// How pages are compressed.
    pub compression: LakeCompression,
    /// Who writes, as `name version`.
    pub created_by: String,
    /// More words for the footer.
    pub metadata: Vec<(String, String)>,
}

/// One column of the file as Parquet sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    /// The attribute at a position.
    Attribute(usize),
    /// The points.
    Point,
    /// An edge of the covering: of x or of y, lower or upper.
    Covering { of_x: bool, upper: bool },
}

/// What all files of a lake have in common.
#[derive(Debug)]
pub struct LakeLayout {
    pub(super) columns: LakeColumns,
    pub(super) leaves: Vec<Leaf>,
    pub(super) codec: Compression,
    pub(super) descriptor: SchemaDescPtr,
    pub(super) sorting: Option<Vec<SortingColumn>>,
    schema: SchemaRef,
    column_orders: Vec<ColumnOrder>,
    words: Vec<KeyValue>,
    geo_head: String,
}

impl LakeLayout {
    /// Settles the schema and the words of the footer.
    ///
    /// # Errors
    /// [`Error::Usage`] where a type, a position, a name or the level of compression is none that a lake can have.
    pub fn new(columns: LakeColumns) -> Result<LakeLayout> {
        check(&columns)?;
        let mut fields: Vec<Arc<Field>> = columns.attributes.fields().iter().cloned().collect();
        let mut leaves: Vec<Leaf> = (0..fields.len()).map(Leaf::Attribute).collect();
        let mut geo_head = String::new();
        if let Some(points) = &columns.geometry {
            let covering = covering_name(&columns.attributes, &points.name)?;
            let edges: Fields = ["xmin", "ymin", "xmax", "ymax"]
                .map(|edge| Field::new(edge, DataType::Float32, false))
                .into_iter()
                .collect();
            fields.push(Arc::new(Field::new(&points.name, DataType::Binary, true)));
            fields.push(Arc::new(Field::new(&covering, DataType::Struct(edges), true)));
            leaves.push(Leaf::Point);
            for (of_x, upper) in [(true, false), (false, false), (true, true), (false, true)] {
                leaves.push(Leaf::Covering { of_x, upper });
            }
            geo_head = head_of_geo(points, &covering);
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, columns.attributes.metadata().clone()));
        let descriptor = ArrowSchemaConverter::new()
            .schema_root("schema")
            .convert(&schema)
            .map_err(|error| Error::unexpected(format!("schema of the lake: {error}")))?;
        let column_orders = descriptor.columns().iter().map(|column| {
            let (logical, converted, physical) =
                (column.logical_type_ref(), column.converted_type(), column.physical_type());
            ColumnOrder::TYPE_DEFINED_ORDER(ColumnOrder::sort_order_for_type(logical, converted, physical))
        });
        let mut words: Vec<KeyValue> =
            columns.metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
        words.push(KeyValue::new(ARROW_SCHEMA_META_KEY.to_string(), encode_arrow_schema(&schema)));
        let sorting: Vec<SortingColumn> = columns.sorting.iter().map(sorting_column).collect();
        Ok(LakeLayout {
            codec: footer_codec(columns.compression)?,
            column_orders: column_orders.collect(),
            descriptor: Arc::new(descriptor),
            sorting: (!sorting.is_empty()).then_some(sorting),
            leaves,
            schema,
            words,
            geo_head,
            columns,
        })
    }

    /// The whole schema: the attributes, then the geometry and its covering.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Columns as Parquet counts them: the covering is four.
    pub fn leaf_count(&self) -> usize {
        self.leaves.len()
    }

    /// Name of a leaf, with dots: `bbox.xmin`.
    pub fn leaf_name(&self, leaf: usize) -> String {
        self.descriptor.column(leaf).path().string()
    }

    /// The footer of a part file, without its row groups.
    pub(super) fn part_footer(&self, rows: i64, bounds: Option<Bounds>) -> FileMetaData {
        let mut words = Vec::with_capacity(self.words.len() + 1);
        if self.columns.geometry.is_some() {
            words.push(KeyValue::new("geo".to_string(), self.geo(bounds)));
        }
        words.extend(self.words.iter().cloned());
        self.footer(rows, words)
    }

    /// The footer of a mini file: no more than what [`assemble`](super::assemble) needs.
    pub(super) fn mini_footer(&self, rows: i64, bounds: Option<Bounds>) -> FileMetaData {
        let bounds = bounds.map(|bounds| KeyValue::new(BOUNDS_KEY.to_string(), bounds.to_json()));
        self.footer(rows, bounds.into_iter().collect())
    }

    fn footer(&self, rows: i64, words: Vec<KeyValue>) -> FileMetaData {
        FileMetaData::new(
            FORMAT_VERSION,
            rows,
            Some(self.columns.created_by.clone()),
            (!words.is_empty()).then_some(words),
            self.descriptor.clone(),
            Some(self.column_orders.clone()),
        )
    }

    fn geo(&self, bounds: Option<Bounds>) -> String {
        match bounds {
            Some(bounds) => format!("{},\"bbox\":{}}}}}}}", self.geo_head, bounds.to_json()),
            None => format!("{}}}}}}}", self.geo_head),
        }
    }
}

fn sorting_column(sort: &SortColumn) -> SortingColumn {
    // Attributes are leaves of their own, so positions agree.
    SortingColumn { column_idx: sort.column as i32, descending: sort.descending, nulls_first: sort.nulls_first }
}

/// The `geo` text up to where the box of the file comes, which is the only part that differs between files.
fn head_of_geo(points: &PointColumns, covering: &str) -> String {
    let edge = |edge: &str| json!([covering, edge]);
    let mut column = json!({
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "covering": {"bbox": {"xmin": edge("xmin"), "ymin": edge("ymin"), "xmax": edge("xmax"), "ymax": edge("ymax")}},
    });
    if let Some(crs) = &points.crs {
        column["crs"] = crs.clone();
    }
    let column = column.to_string();
    let name = Value::from(points.name.as_str());
    let open = column.strip_suffix('}').unwrap_or(&column);
    format!("{{\"version\":\"1.1.0\",\"primary_column\":{name},\"columns\":{{{name}:{open}")
}

/// `bbox`, unless an attribute has that name.
fn covering_name(attributes: &Schema, geometry: &str) -> Result<String> {
    let taken = |name: &str| attributes.column_with_name(name).is_some();
    if taken(geometry) {
        return Err(usage(format!("the table has a column {geometry:?} already, the name of the geometry")));
    }
    let long = format!("{geometry}_bbox");
    match (taken("bbox") || geometry == "bbox", taken(&long)) {
        (false, _) => Ok("bbox".into()),
        (true, false) => Ok(long),
        (true, true) => {
            Err(usage(format!("the table has columns \"bbox\" and {long:?}: no name is left for the covering")))
        }
    }
}

fn check(columns: &LakeColumns) -> Result<()> {
    let fields = columns.attributes.fields();
    for field in fields {
        if !is_supported(field.data_type()) {
            return Err(usage(format!(
                "column {:?} is {}, which a lake does not hold",
                field.name(),
                field.data_type()
            )));
        }
    }
    for (position, field) in fields.iter().enumerate() {
        if fields[..position].iter().any(|other| other.name() == field.name()) {
            return Err(usage(format!("two columns are named {:?}", field.name())));
        }
    }
    let is = |column: usize, wanted: &DataType| fields.get(column).is_some_and(|field| field.data_type() == wanted);
    if let Some(points) = &columns.geometry
        && (points.x, points.y) != (fields.len(), fields.len() + 1)
        && !(is(points.x, &DataType::Float64) && is(points.y, &DataType::Float64))
    {
        return Err(usage(format!("columns {} and {} shall make points: wanted Float64", points.x, points.y)));
    }
    if columns.time.is_some_and(|time| !is(time, &timestamp())) {
        return Err(usage("the time column is no timestamp".into()));
    }
    if let Some(sort) = columns.sorting.iter().find(|sort| sort.column >= fields.len()) {
        return Err(usage(format!("the sort names column {} of {}", sort.column, fields.len())));
    }
    Ok(())
}

fn is_supported(data_type: &DataType) -> bool {
    use DataType::{Boolean, Date32, Dictionary, Float32, Float64, Int32, Int64, Utf8};
    match data_type {
        Boolean | Int32 | Int64 | Float32 | Float64 | Date32 | Utf8 => true,
        Dictionary(key, value) => **key == Int32 && **value == Utf8,
        other => *other == timestamp(),
    }
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn usage(message: String) -> Error {
    Error::Usage { message, hint: String::new() }
}
