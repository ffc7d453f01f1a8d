//! A schema file laid over what was inferred, to one complete table schema.
//!
//! The file wins, key by key; a column with a type of its own takes nothing from inference but markers of missing values.

use swath_core::Result;

use super::reader::did_you_mean;
use super::{Bound, ColumnPart, SchemaFile, check};
use crate::schema::{
    ColumnSchema, ColumnType, CrsSchema, CsvFormat, DedupSchema, Keep, Layout, PivotSchema, Role, TableSchema,
};

/// From here on 64-bit floats, as which limits are kept, no longer tell all whole numbers apart.
const INT64_LIMIT_END: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;

impl SchemaFile {
    /// The complete schema: this file over `inferred`, and defaults where both are silent.
    ///
    /// With columns in the file, exactly those are the table, in their order. Columns with role time or sensor and the
    /// key of dedup are required unless the file says otherwise. Without a `[dedup]` in the file the key is sensor and
    /// time by their final roles, with what else the inferred key holds, as long as all of that is in the table.
    ///
    /// # Errors
    /// [`swath_core::Error::Usage`] where something is still open (no columns, a column without a type) or
    /// contradictory.
    pub fn resolve(&self, inferred: Option<&TableSchema>) -> Result<TableSchema> {
        let csv = self.csv_over(inferred.map(|schema| schema.csv.clone()).unwrap_or_default());
        check::csv(self, &csv)?;
        let mut columns = self.columns_over(inferred)?;
        let pivot = self.pivot_over(inferred, &mut columns)?;
        let crs = self.crs_over(inferred.map(|schema| schema.crs.clone()).unwrap_or_default());
        let dedup = self.dedup_over(inferred, &columns)?;
        for name in dedup.iter().flat_map(|dedup| &dedup.key) {
            let Some(column) = columns.iter_mut().find(|column| &column.name == name) else {
                let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                let message = format!("names {name:?}, which is not a column; wanted one of {}", names.join(", "));
                return Err(self.error("dedup.key", message, did_you_mean(name, &names)));
            };
            let said = self.columns.iter().flatten().find(|part| &part.name == name).and_then(|part| part.required);
            if said == Some(false) {
                let key = format!("columns.{name}.required");
                let hint = "leave it out, or take the column out of dedup.key";
                return Err(self.error(&key, "is false, but the column is part of the key of dedup", hint));
            }
            column.required = true;
        }
        let json = self.json.clone().or_else(|| inferred.and_then(|schema| schema.json.clone()));
        let checks = self.checks.clone().or_else(|| inferred.map(|schema| schema.checks.clone())).unwrap_or_default();
        let schema = TableSchema { csv, json, columns, pivot, crs, dedup, checks };
        check::table(self, &schema)?;
        Ok(schema)
    }

    fn csv_over(&self, below: CsvFormat) -> CsvFormat {
        let csv = self.csv.clone();
        let layout = csv.layout.unwrap_or(below.layout);
        // What has its width needs no quotes.
        let quote = if matches!(layout, Layout::Widths(_)) { None } else { below.quote };
        CsvFormat {
            layout,
            delimiter: csv.delimiter.unwrap_or(below.delimiter),
            quote: csv.quote.unwrap_or(quote),
            decimal: csv.decimal.unwrap_or(below.decimal),
            comment: csv.comment.unwrap_or(below.comment),
            skip_lines: csv.skip_lines.unwrap_or(below.skip_lines),
            stop_at: csv.stop_at.or(below.stop_at),
            header: csv.header.unwrap_or(below.header),
            header_lines: csv.header_lines.unwrap_or(below.header_lines),
            fields: csv.fields.or(below.fields),
            encoding: csv.encoding.unwrap_or(below.encoding),
            missing: csv.missing.unwrap_or(below.missing),
        }
    }

    /// The pivot, with its columns moved to the end. Which texts become columns is what the file says, or the sample.
    fn pivot_over(
        &self,
        inferred: Option<&TableSchema>,
        columns: &mut Vec<ColumnSchema>,
    ) -> Result<Option<PivotSchema>> {
        let below = inferred.and_then(|schema| schema.pivot.as_ref());
        let Some((name, value)) = (match (&self.pivot, below) {
            (Some(part), _) => Some((&part.name, &part.value)),
            (None, Some(below)) => Some((&below.name, &below.value)),
            (None, None) => None,
        }) else {
            return Ok(None);
        };
        if name == value {
            let hint = "name is the column that says what was measured, value the one that holds how much";
            return Err(self.error("pivot.value", format!("is {value:?}, as pivot.name; wanted two columns"), hint));
        }
        let mut value = self.take_column("value", value, columns)?;
        let mut name = self.take_column("name", name, columns)?;
        let said = self.columns.iter().flatten().find(|part| part.name == name.name);
        if let Some(part) = said {
            if let Some(wrong) =
                part.column_type.filter(|kind| !matches!(kind, ColumnType::Category | ColumnType::String))
            {
                let message = format!("is {}, but pivot.name names the column; wanted category", check::word(wrong));
                return Err(self.error(
                    &format!("columns.{}.type", name.name),
                    message,
                    "type = \"category\", or leave it out",
                ));
            }
            if part.required == Some(true) {
                let message = "is true, but rows without a name of pivot.name are always rejected";
                return Err(self.error(&format!("columns.{}.required", name.name), message, "leave it out"));
            }
        }
        // Numbers name quantities, too, and are what they are written as.
        name = ColumnSchema {
            column_type: ColumnType::Category,
            role: None,
            min: None,
            max: None,
            negate: false,
            format: None,
            timezone: None,
            required: false,
            ..name
        };
        value.required = said_required(self, &value.name);
        let said = self.pivot.as_ref().and_then(|part| part.columns.clone());
        let pivot = PivotSchema {
            name: name.name.clone(),
            value: value.name.clone(),
            columns: said.or_else(|| below.map(|below| below.columns.clone())).unwrap_or_default(),
        };
        columns.extend([name, value]);
        Ok(Some(pivot))
    }

    /// Takes a column of a pivot out of the others: by its name in the table, or in the input.
    fn take_column(&self, key: &str, name: &str, columns: &mut Vec<ColumnSchema>) -> Result<ColumnSchema> {
        let key = format!("pivot.{key}");
        let by_name = columns.iter().position(|column| column.name == name);
        let by_source = || columns.iter().position(|column| column.source.len() == 1 && column.source[0] == name);
        let Some(position) = by_name.or_else(by_source) else {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            let message = format!("names {name:?}, which is not a column; wanted one of {}", names.join(", "));
            return Err(self.error(&key, message, did_you_mean(name, &names)));
        };
        let roles = [(Role::Sensor, "sensor"), (Role::Time, "time"), (Role::X, "x"), (Role::Y, "y")];
        if let Some((_, role)) = roles.into_iter().find(|(role, _)| columns[position].role == Some(*role)) {
            let message = format!("names {name:?}, which has the role {role}; wanted a column that can go");
            return Err(self.error(&key, message, format!("[columns.{name}] role = \"none\" takes the role away")));
        }
        Ok(columns.remove(position))
    }

    fn columns_over(&self, inferred: Option<&TableSchema>) -> Result<Vec<ColumnSchema>> {
        match (&self.columns, inferred) {
            (Some(parts), _) => parts.iter().map(|part| self.column_over(part, inferred)).collect(),
            (None, Some(schema)) => Ok(schema.columns.clone()),
            (None, None) => {
                let hint = "swath sensor schema SRC prints a complete one to edit";
                Err(self.error("columns", "is not there; wanted at least one table [columns.NAME]", hint))
            }
        }
    }

    /// One column of the file, over the inferred one if it has no type of its own.
    fn column_over(&self, part: &ColumnPart, inferred: Option<&TableSchema>) -> Result<ColumnSchema> {
        let key = format!("columns.{}", part.name);
        let source = part.source.clone().unwrap_or_else(|| vec![part.name.clone()]);
        let mut column = match part.column_type {
            Some(column_type) => ColumnSchema {
                name: part.name.clone(),
                column_type,
                role: None,
                source: source.clone(),
                format: None,
                timezone: None,
                min: None,
                max: None,
                out_of_range: Default::default(),
                invalid: Default::default(),
                // Markers belong to the text of the column, whatever its type; words that are values of a text are none of
                // a number, so that the markers of the table hold for it.
                missing: inferred.and_then(|schema| {
                    let found = column_of(schema, part, &source)?;
                    let is_text = |kind| matches!(kind, ColumnType::Category | ColumnType::String);
                    let turns = is_text(found.column_type) && !is_text(column_type);
                    found.missing.clone().filter(|_| !turns)
                }),
                year: None,
                negate: false,
                units: None,
                required: false,
            },
            None => self.inferred_column(part, &source, inferred)?,
        };
        column.name.clone_from(&part.name);
        column.role = part.role.unwrap_or(column.role);
        column.source = part.source.clone().unwrap_or(column.source);
        column.format = part.format.clone().or(column.format);
        column.timezone = part.timezone.clone().or(column.timezone);
        column.year = part.year.map(|year| u32::try_from(year).unwrap_or(u32::MAX)).or(column.year);
        column.negate = part.negate.unwrap_or(column.negate);
        column.min = self.limit(&key, "min", part.min, column.column_type)?.or(column.min);
        column.max = self.limit(&key, "max", part.max, column.column_type)?.or(column.max);
        column.out_of_range = part.out_of_range.unwrap_or(column.out_of_range);
        column.invalid = part.invalid.unwrap_or(column.invalid);
        column.missing = part.missing.clone().or(column.missing);
        column.units = part.units.clone().or(column.units);
        column.required = part.required.unwrap_or(matches!(column.role, Some(Role::Sensor | Role::Time)));
        Ok(column)
    }

    fn inferred_column(
        &self,
        part: &ColumnPart,
        source: &[String],
        inferred: Option<&TableSchema>,
    ) -> Result<ColumnSchema> {
        let key = format!("columns.{}", part.name);
        let Some(schema) = inferred else {
            return Err(self.error(&key, "has no type; wanted type = \"float64\" or another", ""));
        };
        column_of(schema, part, source).cloned().ok_or_else(|| {
            let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
            let message =
                format!("has no type, and the input has no column {:?}; it has {}", source[0], names.join(", "));
            self.error(&key, message, did_you_mean(&source[0], &names))
        })
    }

    /// A limit in the units of its column's type.
    fn limit(&self, key: &str, end: &str, bound: Option<Bound>, column_type: ColumnType) -> Result<Option<f64>> {
        use ColumnType::{Date, Float32, Float64, Int32, Int64, Timestamp};
        let wanted = match (bound, column_type) {
            (None, _) => return Ok(None),
            (Some(Bound::Number(number)), Int64) if number.abs() >= INT64_LIMIT_END => {
                let message = format!("is {number}, but limits are told exactly between ±{INT64_LIMIT_END} only");
                return Err(self.error(&format!("{key}.{end}"), message, "leave it out, or choose a smaller one"));
            }
            (Some(Bound::Number(number)), Int32 | Int64 | Float32 | Float64) => return Ok(Some(number)),
            (Some(Bound::Moment(micros)), Timestamp) => return Ok(Some(micros as f64)),
            (Some(Bound::Moment(micros)), Date) => return Ok(Some(micros.div_euclid(86_400_000_000) as f64)),
            (_, Timestamp | Date) => {
                "is a number, but the column holds times; wanted a moment like 2025-03-01T00:00:00Z"
            }
            (_, Int32 | Int64 | Float32 | Float64) => "is a moment, but the column holds numbers; wanted a number",
            _ => "is of no use here; only columns of numbers and times have limits",
        };
        Err(self.error(&format!("{key}.{end}"), wanted, ""))
    }

    fn crs_over(&self, below: CrsSchema) -> CrsSchema {
        let crs = self.crs.clone();
        CrsSchema {
            source: crs.source.or(below.source),
            target: crs.target.or(below.target),
            column: crs.column.or(below.column),
            files: if crs.files.is_empty() { below.files } else { crs.files },
        }
    }

    fn dedup_over(&self, inferred: Option<&TableSchema>, columns: &[ColumnSchema]) -> Result<Option<DedupSchema>> {
        let part = self.dedup.clone().unwrap_or_default();
        let below = self.default_key(inferred, columns);
        match (part.key, below) {
            (Some(key), _) if key.is_empty() => Ok(None),
            (Some(key), _) => Ok(Some(DedupSchema { key, keep: part.keep.unwrap_or_default() })),
            (None, Some(below)) => Ok(Some(DedupSchema { keep: part.keep.unwrap_or(below.keep), key: below.key })),
            (None, None) if self.dedup.is_some() => {
                let message = "is not there; wanted the columns that make two rows the same reading";
                Err(self.error("dedup.key", message, "key = [\"sensor_id\", \"timestamp\"], or key = [] for no dedup"))
            }
            (None, None) => Ok(None),
        }
    }

    /// The key where the file gives none; none where it would lack a column that was inferred to tell readings apart.
    fn default_key(&self, inferred: Option<&TableSchema>, columns: &[ColumnSchema]) -> Option<DedupSchema> {
        let (sensor, time) =
            (self.holder(Role::Sensor, inferred, columns)?, self.holder(Role::Time, inferred, columns)?);
        let mut key = vec![sensor.name.clone(), time.name.clone()];
        let below = inferred.and_then(|schema| Some((schema, schema.dedup.as_ref()?)));
        for (schema, name) in below.iter().flat_map(|(schema, dedup)| dedup.key.iter().map(move |name| (schema, name)))
        {
            let column = &schema.columns[schema.with_name(name)?];
            // Sensor and time were found by their names; the file may have given their roles to others.
            if !matches!(column.role, Some(Role::Sensor | Role::Time)) {
                let name = &columns.iter().find(|own| own.source == column.source)?.name;
                if !key.contains(name) {
                    key.push(name.clone());
                }
            }
        }
        Some(DedupSchema { key, keep: below.map_or(Keep::default(), |(_, dedup)| dedup.keep) })
    }

    /// The column with a role: as the file says, or the inferred one where the file says nothing about its role.
    fn holder<'c>(
        &self,
        role: Role,
        inferred: Option<&TableSchema>,
        columns: &'c [ColumnSchema],
    ) -> Option<&'c ColumnSchema> {
        columns.iter().find(|column| column.role == Some(role)).or_else(|| {
            let inferred = inferred?;
            let source = &inferred.columns[inferred.with_role(role)?].source;
            let column = columns.iter().find(|column| &column.source == source)?;
            let is_said = |part: &ColumnPart| part.name == column.name && part.role.is_some();
            (!self.columns.iter().flatten().any(is_said)).then_some(column)
        })
    }
}

/// The inferred column of the same fields, or, if it is made of several (date and time), of the same name.
fn column_of<'s>(schema: &'s TableSchema, part: &ColumnPart, source: &[String]) -> Option<&'s ColumnSchema> {
    let by_source = schema.columns.iter().find(|column| column.source == source);
    let by_name = || schema.columns.iter().find(|column| part.source.is_none() && column.name == part.name);
    by_source.or_else(by_name)
}

/// Whether the file says that a column has to have a value.
fn said_required(file: &SchemaFile, name: &str) -> bool {
    file.columns.iter().flatten().any(|part| part.name == name && part.required == Some(true))
}

/// The checks of `[csv]` alone, for files whose columns are not complete yet.
pub(super) fn check_csv(file: &SchemaFile) -> Result<()> {
    check::csv(file, &file.csv_over(CsvFormat::default()))
}
