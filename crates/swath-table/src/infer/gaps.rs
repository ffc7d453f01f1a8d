//! What the input does not say and what is not read of it, with what that switches off.
//!
//! It decides nothing: whoever runs a job tells the sentences.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::types::thousands;
use super::{FileColumns, FileShape, Found, Inferred, Sample, roles};
use crate::schema::{ColumnSchema, ColumnType, Role, TableSchema};
use crate::schema_file::{CsvPart, SchemaFile};

/// Columns of the input that are not what was looked for, each with a value, and columns that are not read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Gaps {
    time: Option<Candidate>,
    sensor: Option<Candidate>,
    place: Option<Candidate>,
    /// Columns by whose names one value of a row is one of several quantities.
    quantities: Vec<Vec<String>>,
    /// Columns of text that is nearly always a number: their source, and what to tell of them.
    nearly_numbers: Vec<(Vec<String>, String)>,
    /// Rows of the sample that have the key of an earlier row and other values, and rows of the sample.
    pub(super) rivals: (u64, u64),
    /// Whether the table looks as if it held one of several quantities a row.
    pub(super) long: Option<Long>,
    /// Lines below the names that are no rows, in words.
    headers: BTreeSet<String>,
    /// What stands behind the table, in words.
    pub(super) behind: BTreeSet<String>,
    /// Columns that are not read, in words.
    pub(super) not_read: BTreeSet<String>,
}

/// A table that looks long.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Long {
    /// The column that says what was measured.
    pub(super) name: String,
    /// The column that holds the values.
    pub(super) value: String,
    /// What was measured.
    pub(super) names: Vec<String>,
    /// Rows of the sample that have the sensor and time of an earlier row and another name, and rows of the sample.
    pub(super) rows: (u64, u64),
}

/// A column that by its name, or by some values, could have been what was looked for.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    name: String,
    /// A value of it, one that does not fit if there is any.
    example: Option<String>,
}

impl Gaps {
    /// Looks for the best candidates among columns without a role.
    pub(super) fn find(&mut self, columns: &[ColumnSchema], origins: &[Vec<usize>], found: &[Found]) {
        let free = || {
            let all = columns.iter().zip(origins).map(|(column, origin)| (column, &found[origin[0]].evidence));
            all.filter(|(column, _)| matches!(column.role, None | Some(Role::Value)))
        };
        let is_moment = |column: &ColumnSchema| matches!(column.column_type, ColumnType::Timestamp | ColumnType::Date);
        let candidate = |name: &str, misfit: &Option<String>, first: &Option<String>| Candidate {
            name: name.into(),
            example: misfit.clone().or_else(|| first.clone()),
        };
        let timely = free().find(|(column, _)| roles::is_timely(&column.name) && !is_moment(column));
        let moment = || free().find(|(column, _)| is_moment(column));
        let now_and_then = || free().find(|(_, evidence)| evidence.times.has_any());
        self.time = timely
            .or_else(moment)
            .or_else(now_and_then)
            .map(|(column, evidence)| candidate(&column.name, &evidence.not_a_time, &evidence.first));
        self.sensor = free()
            .find(|(column, _)| roles::is_sensor_name(&column.name))
            .map(|(column, evidence)| candidate(&column.name, &None, &evidence.first));
        self.place = free()
            .find(|(column, _)| roles::is_coordinate_name(&column.name))
            .map(|(column, evidence)| candidate(&column.name, &evidence.not_a_number, &evidence.first));
        let texts =
            || free().filter(|(column, _)| matches!(column.column_type, ColumnType::Category | ColumnType::String));
        self.quantities = texts()
            .filter(|(column, evidence)| roles::tells_quantity(&column.name) && evidence.distinct() != Some(1))
            .filter(|(_, evidence)| evidence.values > 0)
            .map(|(column, _)| column.source.clone())
            .collect();
        self.nearly_numbers = texts()
            .filter(|(_, evidence)| evidence.is_nearly_number())
            .map(|(column, evidence)| (column.source.clone(), nearly_number(&column.name, evidence)))
            .collect();
    }

    /// Notes lines of headers that nobody has said are any, in the first file that has them.
    pub(super) fn headers(&mut self, files: &[(&Sample, FileShape)], csv: &CsvPart) {
        let tall = files.iter().find(|(_, shape)| shape.header_lines > 1).filter(|_| csv.header_lines.is_none());
        if let Some((sample, shape)) = tall {
            let lines = if shape.header_lines == 2 {
                "line below the names is".into()
            } else {
                format!("{} lines below the names are", shape.header_lines - 1)
            };
            self.headers
                .insert(format!("in {} the {lines} taken for units or types, not for rows", sample.path.display()));
        }
        let above = files.iter().find(|(_, shape)| shape.lines_above > 0 && csv.skip_lines.is_none());
        if let Some((sample, shape)) = above {
            let lines = match (shape.lines_above, shape.skip_lines) {
                (1, 1) => "the first line stands".to_string(),
                (1, _) => "a line that is no comment stands".to_string(),
                (lines, all) if lines == all => format!("the block of {lines} lines stands"),
                (lines, _) => format!("{lines} lines that are no comments stand"),
            };
            let is = if shape.lines_above > 1 && shape.lines_above < shape.skip_lines { "are" } else { "is" };
            self.headers.insert(format!("in {} {lines} above the table and {is} left out", sample.path.display()));
        }
    }

    /// Notes fields with a value and without a name.
    pub(super) fn nameless(&mut self, file: &FileColumns<'_>, position: usize) {
        if file.targets[position].is_none() && file.shape.names[position].trim_start_matches('#').trim().is_empty() {
            self.not_read.insert(format!("column {} (it has no name)", position + 1));
        }
    }
}

impl Long {
    fn sentence(&self) -> String {
        const SHOWN: usize = 4;
        let shown: Vec<&str> = self.names.iter().take(SHOWN).map(String::as_str).collect();
        let more = if self.names.len() > SHOWN { ", …" } else { "" };
        let (others, rows) = self.rows;
        format!(
            "the table looks long: {:?} says what {:?} holds ({}{more}), and {others} of {rows} sampled rows have the sensor \
             and time of an earlier one; for a row with a column of each, write in a schema file\n  [pivot]\n  name = \
             {:?}\n  value = {:?}",
            self.name,
            self.value,
            shown.join(", "),
            self.name,
            self.value
        )
    }
}

impl Inferred {
    /// What is off in `schema` because the input did not show it, as sentences; none about what `given` settles.
    pub fn warnings(&self, given: &SchemaFile, schema: &TableSchema) -> Vec<String> {
        let mut warnings: Vec<String> = self.gaps.headers.iter().cloned().collect();
        if given.csv.stop_at.is_none() {
            warnings.extend(self.gaps.behind.iter().cloned());
        }
        warnings.extend(self.open_roles(given, schema));
        if schema.pivot.is_none() && given.dedup.is_none() && given.columns.is_none() {
            warnings.extend(self.gaps.long.as_ref().map(Long::sentence));
        }
        if given.dedup.is_none() && schema.pivot.is_none() {
            warnings.extend(self.open_key(schema).or_else(|| self.rivals(schema)));
        }
        for (source, sentence) in &self.gaps.nearly_numbers {
            let is_said = given.columns.iter().flatten().any(|part| {
                let own = [part.name.clone()];
                part.column_type.is_some() && part.source.as_deref().unwrap_or(&own) == source
            });
            if !is_said && schema.columns.iter().any(|column| &column.source == source) {
                warnings.push(sentence.clone());
            }
        }
        warnings
    }

    /// What is off about the default key of dedup.
    fn open_key(&self, schema: &TableSchema) -> Option<String> {
        let way_on = "[dedup] key in a schema file says what makes two rows one reading";
        let Some(dedup) = &schema.dedup else {
            let named = |role| schema.with_role(role).is_some();
            let below = self.schema.dedup.as_ref().filter(|_| named(Role::Sensor) && named(Role::Time))?;
            let is_read = |name: &&String| {
                let source = self.schema.with_name(name).map(|position| &self.schema.columns[position].source);
                schema.columns.iter().any(|column| Some(&column.source) == source)
            };
            let lost: Vec<String> =
                below.key.iter().filter(|name| !is_read(name)).map(|name| format!("{name:?}")).collect();
            let lost = lost.join(", ");
            return Some(format!(
                "rows are not deduplicated: rows of one sensor and time differ in {lost}, which is not read; {way_on}"
            ));
        };
        let in_key = |source: &Vec<String>| {
            dedup.key.iter().any(|name| schema.with_name(name).is_some_and(|at| &schema.columns[at].source == source))
        };
        schema.with_role(Role::Value)?;
        let outside = self.gaps.quantities.iter().filter(|source| !in_key(source));
        let outside: Vec<String> = outside.map(|source| format!("{:?}", source.join(" "))).collect();
        (!outside.is_empty()).then(|| {
            format!(
                "the key of dedup, {}, does not hold {}: where rows of one key differ in it, one of them stays; {way_on}",
                dedup.key.join(", "),
                outside.join(", ")
            )
        })
    }

    /// Readings that the default key of dedup takes for one, and that are not alike.
    fn rivals(&self, schema: &TableSchema) -> Option<String> {
        let dedup = schema.dedup.as_ref().filter(|dedup| self.schema.dedup.as_ref() == Some(*dedup))?;
        let (rivals, rows) = self.gaps.rivals;
        (rivals > 0).then(|| {
            format!(
                "{rivals} of {rows} sampled rows have the {} of an earlier row and other values: one of them stays; \
                 [dedup] key in a schema file says what tells readings apart, and key = [] keeps every row",
                dedup.key.join(", ")
            )
        })
    }

    /// Roles that nothing in the input was found for.
    fn open_roles(&self, given: &SchemaFile, schema: &TableSchema) -> Vec<String> {
        let is_open = given
            .columns
            .as_ref()
            .is_none_or(|columns| columns.iter().any(|column| column.column_type.is_none() && column.role.is_none()));
        if !is_open {
            return Vec::new();
        }
        let lacks = |role| schema.with_role(role).is_none();
        let has_key = schema.dedup.is_some() || given.dedup.is_some();
        let mut warnings = Vec::new();
        if lacks(Role::Time) {
            let off = if has_key { "sorted by time" } else { "deduplicated or sorted by time" };
            warnings.push(sentence("time column", &format!("rows are not {off}"), &self.gaps.time, "time"));
        }
        if lacks(Role::Sensor) && !has_key {
            let time = schema.with_role(Role::Time).map(|time| format!("{:?}", schema.columns[time].name));
            let key = format!("the default key is sensor and {}", time.as_deref().unwrap_or("time"));
            let off = format!("rows are not deduplicated ({key})");
            warnings.push(sentence("sensor column", &off, &self.gaps.sensor, "sensor"));
        }
        if lacks(Role::X) {
            warnings.push(sentence("coordinates", "the lake has no geometry", &self.gaps.place, "x and y"));
        }
        if !self.gaps.not_read.is_empty() && given.columns.is_none() {
            let columns: Vec<&str> = self.gaps.not_read.iter().map(String::as_str).collect();
            warnings.push(format!("not read: {}", columns.join(", ")));
        }
        warnings
    }
}

fn nearly_number(name: &str, evidence: &Evidence) -> String {
    let (numbers, values) = (thousands(evidence.numbers()), thousands(evidence.values));
    let misfit = evidence.not_a_number.as_deref().unwrap_or_default();
    format!(
        "column {name:?} is text: {numbers} of {values} sampled values are numbers, others are like {misfit:?}; a schema \
         file can say that this is [csv] missing, or give the column a type of numbers"
    )
}

fn sentence(what: &str, off: &str, candidate: &Option<Candidate>, role: &str) -> String {
    let candidate = candidate.as_ref().map_or(String::new(), |candidate| {
        let example = candidate.example.as_ref().map_or(String::new(), |value| format!(", with values like {value:?}"));
        format!("; the best candidate is {:?}{example}", candidate.name)
    });
    format!("no {what}: {off}{candidate}; a schema file can give the role {role}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::super::{Sample, infer};
    use super::*;
    use crate::schema_file::parse;

    fn check(text: &str, file: &str, expected: &[&str]) {
        let head = text.as_bytes().to_vec();
        let sample = Sample { path: "in.csv".into(), head, complete: true, exhaustive: true, pieces: Vec::new() };
        let given = parse(file, Path::new("s.toml")).unwrap();
        let inferred = infer(&[sample], &given).unwrap();
        let schema = given.resolve(Some(&inferred.schema)).unwrap();
        assert_eq!(inferred.warnings(&given, &schema), expected, "{text}{file}");
    }

    const NO_PLACE: &str = "no coordinates: the lake has no geometry; a schema file can give the role x and y";

    #[test]
    fn what_is_off_is_told() {
        check("sensor,time,lat,lon,t\na,2025-03-01,54.5,9.5,1.5\n", "", &[]);
        check(
            "sensor,Datum,t\na,Samstag 1. März,1.5\nb,Sonntag 2. März,2.5\n",
            "",
            &[
                "no time column: rows are not deduplicated or sorted by time; the best candidate is \"Datum\", with \
                 values like \"Samstag 1. März\"; a schema file can give the role time",
                NO_PLACE,
            ],
        );
        check(
            "time,position_lat,t\n2025-03-01,54°05',1.5\n2025-03-02,54°06',2.5\n",
            "",
            &[
                "no sensor column: rows are not deduplicated (the default key is sensor and \"time\"); a schema file \
                 can give the role sensor",
                "no coordinates: the lake has no geometry; the best candidate is \"position_lat\", with values like \
                 \"54°05'\"; a schema file can give the role x and y",
            ],
        );
        check(
            "sensor,made,updated\na,2025-03-01T10:00,2025-03-02T10:00\n",
            "",
            &[
                "no time column: rows are not deduplicated or sorted by time; the best candidate is \"made\", with \
                 values like \"2025-03-01T10:00\"; a schema file can give the role time",
                NO_PLACE,
            ],
        );
        // What nothing stands in is a delimiter too many and no column.
        check(
            ",sensor,time,lat,lon,t,t,,\n0,a,2025-03-01,54.5,9.5,1.5,2.5,,\n",
            "",
            &["not read: a second \"t\" (the first one is read), column 1 (it has no name)"],
        );
    }

    #[test]
    fn a_long_table_is_told() {
        let rows: String = (0..6).map(|row| format!("a,2025-03-0{},pm{},{row}\n", 1 + row / 2, row % 2)).collect();
        let table = |name: &str, value: &str, rows: &str| format!("sensor,time,{name},{value}\n{rows}");
        let told = |name: &str, value: &str| {
            format!(
                "the table looks long: \"{name}\" says what \"{value}\" holds (pm0, pm1), and 3 of 6 sampled rows have the \
                 sensor and time of an earlier one; for a row with a column of each, write in a schema file\n  [pivot]\n  \
                 name = \"{name}\"\n  value = \"{value}\""
            )
        };
        check(&table("parameter", "value", &rows), "", &[NO_PLACE, &told("parameter", "value")]);
        check(&table("Pollutant", "Concentration", &rows), "", &[NO_PLACE, &told("Pollutant", "Concentration")]);
        let pivot = "[pivot]\nname = 'parameter'\nvalue = 'value'";
        check(&table("parameter", "value", &rows), pivot, &[NO_PLACE]);
        // Nobody says what it is; or every sensor measures one thing.
        check(&table("parameter", "v", &rows), "", &[NO_PLACE]);
        let apart: String = (0..6).map(|row| format!("s{row},2025-03-01,pm{},{row}\n", row % 2)).collect();
        check(&table("parameter", "value", &apart), "", &[NO_PLACE]);
    }

    #[test]
    fn a_key_that_may_lose_readings_is_told() {
        let rows: String = (0..6).map(|row| format!("a,2025-03-0{},pm{},{row}\n", 1 + row / 2, row % 2)).collect();
        let way_on = "[dedup] key in a schema file says what makes two rows one reading";
        let told = |names: &str| {
            format!(
                "the key of dedup, sensor, time, does not hold {names}: where rows of one key differ in it, one of them \
                 stays; {way_on}"
            )
        };
        let table = |name: &str, rows: &str| format!("sensor,time,{name},v\n{rows}");
        check(&table("parameter", &rows), "", &[NO_PLACE]);
        check(&table("Result_Characteristic", &rows), "", &[NO_PLACE]);
        // A value that is missing cannot be part of a key.
        let gappy = rows.replace("pm1,1", ",1");
        check(&table("parameter_name", &gappy), "", &[NO_PLACE, &told("\"parameter_name\"")]);
        check(&table("parameter_name", &gappy), "[dedup]\nkey = ['sensor', 'time']", &[NO_PLACE]);
        let rivals = |key: &str| {
            format!(
                "3 of 6 sampled rows have the {key} of an earlier row and other values: one of them stays; [dedup] key in \
                 a schema file says what tells readings apart, and key = [] keeps every row"
            )
        };
        let alike = rows.replace("pm1", "pm0");
        check(&table("parameter", &alike), "", &[NO_PLACE, &rivals("sensor, time, parameter")]);
        check(&table("note", &gappy), "", &[NO_PLACE, &rivals("sensor, time")]);
        check(&table("note", &gappy), "[dedup]\nkey = ['sensor', 'time']", &[NO_PLACE]);
        let twice = "a,2025-03-01,x,1\na,2025-03-01,x,1\na,2025-03-02,x,1\n";
        check(&table("note", twice), "", &[NO_PLACE]);
        let lost = format!(
            "rows are not deduplicated: rows of one sensor and time differ in \"parameter\", which is not read; {way_on}"
        );
        check(&table("parameter", &rows), "[columns.sensor]\n[columns.time]\n[columns.v]", &[NO_PLACE, &lost]);
    }

    #[test]
    fn a_column_that_is_nearly_all_numbers_is_told() {
        let text = |misfit: &str, every: usize| {
            let value = |row: usize| if row.is_multiple_of(every) { misfit.to_string() } else { format!("{row}.5") };
            let rows: String = (0..100)
                .map(|row| format!("a,2025-03-01T00:{:02}:{:02},{}\n", row / 60, row % 60, value(row)))
                .collect();
            format!("sensor,time,v\n{rows}")
        };
        let told = "column \"v\" is text: 95 of 100 sampled values are numbers, others are like \"off\"; a schema file can \
                    say that this is [csv] missing, or give the column a type of numbers";
        check(&text("off", 20), "", &[NO_PLACE, told]);
        check(&text("off", 5), "", &[NO_PLACE]);
        check(&text("off", 200), "", &[NO_PLACE]);
        check(&text("off", 20), "[csv]\nmissing = ['off']", &[NO_PLACE]);
        check(&text("off", 20), "[columns.sensor]\n[columns.time]\n[columns.v]\ntype = 'string'", &[NO_PLACE]);
        check(&text("off", 20), "[columns.sensor]\n[columns.time]", &[NO_PLACE]);
    }

    #[test]
    fn what_a_person_settled_is_not_told() {
        let text = "site,when,t\na,2025-03-01T10:00,1.5\n";
        check(text, "columns.t.type = 'float32'", &[]);
        check(text, "[dedup]\nkey = []", &[NO_PLACE]);
        check("when,t\n2025-03-01T10:00,1.5\n", "[dedup]\nkey = []", &[NO_PLACE]);
        check(
            "when,t\n2025-03-01T10:00,1.5\n",
            "columns.when = {}\ncolumns.t.role = 'none'",
            &[
                "no sensor column: rows are not deduplicated (the default key is sensor and \"when\"); a schema file can \
             give the role sensor",
                NO_PLACE,
            ],
        );
    }

    #[test]
    fn coordinates_of_other_languages_are_found() {
        let roles = |text: &str| {
            let head = text.as_bytes().to_vec();
            let sample = Sample { path: "in.csv".into(), head, complete: true, exhaustive: true, pieces: Vec::new() };
            let schema = infer(&[sample], &SchemaFile::default()).unwrap().schema;
            let names = [Role::X, Role::Y].map(|role| schema.with_role(role).map(|at| schema.columns[at].name.clone()));
            (names, schema.columns.iter().all(|column| column.column_type == ColumnType::Float64))
        };
        let pair = |x: &str, y: &str| [Some(x.to_string()), Some(y.to_string())];
        assert_eq!(roles("Breite;Länge\n54,05;9,5\n"), (pair("Länge", "Breite"), true));
        assert_eq!(roles("Latitud,Longitud\n54.05,9.5\n"), (pair("Longitud", "Latitud"), true));
        // Widths and lengths of something, and coordinates in two pairs: no role, and every digit.
        assert_eq!(roles("Breite;Länge\n540,5;9,5\n"), ([None, None], true));
        assert_eq!(roles("a_lat,b_lat,a_lon,b_lon\n54.5,9.5,1.5,2.5\n"), ([None, None], true));
    }
}
