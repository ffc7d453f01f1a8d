//! Whether coordinates of which nobody says what they are can be degrees.
//!
//! It guesses no system: what to do about coordinates that are no degrees is up to the caller.

use swath_core::Error;

use super::Found;
use crate::schema::{ColumnSchema, Role};
use crate::schema_file::{Notes, SchemaFile};

/// Coordinates that are no degrees, in a system that nothing names.
#[derive(Debug, Clone, PartialEq)]
pub struct NoDegrees {
    column: String,
    min: f64,
    max: f64,
}

impl NoDegrees {
    /// What is wrong, as a sentence.
    pub fn sentence(&self) -> String {
        format!("column {:?} goes from {} to {}: these coordinates are no degrees", self.column, self.min, self.max)
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "name their system in a schema file: [crs] source = \"EPSG:32633\""
    }

    /// The same as an error, for whoever cannot go on without the system.
    pub fn error(&self) -> Error {
        Error::Usage { message: self.sentence(), hint: self.hint().into() }
    }
}

/// Finds coordinates most of which are no degrees, unless the schema file says what they are.
pub(super) fn check(
    columns: &[ColumnSchema],
    origins: &[Vec<usize>],
    found: &[Found],
    hints: &SchemaFile,
    notes: &mut Notes,
) -> Option<NoDegrees> {
    let crs = &hints.crs;
    if crs.source.is_some() || crs.column.is_some() || !crs.files.is_empty() {
        return None;
    }
    // A column that the file does not name is not read, and limits of its own say what its values may be.
    let is_open = |column: &ColumnSchema| {
        let named = |name: &String| column.source.contains(name);
        hints.columns.as_ref().is_none_or(|parts| {
            parts.iter().any(|part| {
                let is_limited = part.min.is_some() || part.max.is_some();
                !is_limited && part.source.as_ref().map_or(named(&part.name), |source| source.iter().any(named))
            })
        })
    };
    for (column, origin) in columns.iter().zip(origins).filter(|(column, _)| is_open(column)) {
        let evidence = &found[origin[0]].evidence;
        let within = match column.role {
            Some(Role::X) => evidence.within_180,
            Some(Role::Y) => evidence.within_90,
            _ => continue,
        };
        if within * 2 < evidence.values {
            let (min, max) = (evidence.min.unwrap_or(0.0), evidence.max.unwrap_or(0.0));
            let no_degrees = NoDegrees { column: column.name.clone(), min, max };
            notes.add("crs", format!("{}: source has to be set", no_degrees.sentence()));
            return Some(no_degrees);
        }
        if column.role == Some(Role::X) && hints.columns.is_none() {
            notes.add("crs", "coordinates are taken as longitude and latitude; nothing in the input says which datum");
        }
    }
    None
}
