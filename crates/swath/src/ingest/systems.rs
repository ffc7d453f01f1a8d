//! Which reference system the coordinates of each file are in, and what limits that gives them.
//!
//! It transforms nothing, and where a column names the system of each row it only knows the target.

use std::path::Path;

use swath_core::{Error, Result};
use swath_crs::{Bounds, Crs, CrsError};
use swath_table::schema::{Role, TableSchema};
use swath_table::schema_file::{self, CoordinateBounds};

use crate::input_file::InputFile;

/// The systems that coordinates come from and go to.
pub struct Systems {
    /// That of files that no pattern matches, then one per pattern.
    pub sources: Vec<Crs>,
    /// That of the output.
    pub target: Crs,
    /// For each file the position of its system among the sources.
    pub of_files: Vec<u32>,
}

/// Finds the systems of a table with coordinates; a pattern that matches no file is told of, since a slip in it would
/// have files taken for what they are not.
///
/// # Errors
/// [`Error::Usage`] for systems that are not known and patterns that are none.
pub fn find(schema: &TableSchema, files: &[InputFile], warnings: &mut Vec<String>) -> Result<Option<Systems>> {
    if schema.with_role(Role::X).is_none() || schema.with_role(Role::Y).is_none() {
        return Ok(None);
    }
    let source = parse(schema.crs.source.as_deref().unwrap_or("EPSG:4326"))?;
    let target = match &schema.crs.target {
        Some(target) => parse(target)?,
        None => source.clone(),
    };
    let mut sources = vec![source];
    let mut patterns = Vec::new();
    for exception in &schema.crs.files {
        // Paths below a folder have no `./` before them.
        let text = exception.pattern.trim_start_matches("./");
        let pattern = glob::Pattern::new(text).map_err(|error| Error::Usage {
            message: format!("[[crs.files]] match = {:?}: {error}", exception.pattern),
            hint: "a glob over the path, like zone33/*.csv".into(),
        })?;
        patterns.push(pattern);
        sources.push(parse(&exception.source)?);
    }
    let system_of = |file: &InputFile| patterns.iter().position(|pattern| is_of(pattern, &file.path));
    let of_files: Vec<u32> = files.iter().map(|file| system_of(file).map_or(0, |found| found as u32 + 1)).collect();
    for (position, pattern) in patterns.iter().enumerate() {
        // One that only others before it cover is no slip.
        if !of_files.contains(&(position as u32 + 1)) && !files.iter().any(|file| is_of(pattern, &file.path)) {
            warnings.push(format!("[[crs.files]] match = {:?} matches none of the inputs", pattern.as_str()));
        }
    }
    Ok(Some(Systems { sources, target, of_files }))
}

impl Systems {
    /// A schema in which coordinates have the limits of a system, where the schema gives none.
    pub fn bounded(&self, schema: TableSchema, system: u32) -> TableSchema {
        let Bounds { min_x, min_y, max_x, max_y } = self.sources[system as usize].coordinate_bounds();
        schema_file::with_defaults(schema, CoordinateBounds { x: (min_x, max_x), y: (min_y, max_y) })
    }
}

/// Reads a text as a reference system.
///
/// # Errors
/// [`Error::Usage`] if it is none that is known.
pub fn parse(text: &str) -> Result<Crs> {
    Crs::parse(text).map_err(|error| usage(&error))
}

/// An error of a reference system as one of the words that named it.
pub fn usage(error: &CrsError) -> Error {
    Error::Usage { message: error.to_string(), hint: error.hint().into() }
}

/// Whether a pattern matches a path as it was found, or what of it follows some folder.
fn is_of(pattern: &glob::Pattern, path: &Path) -> bool {
    matches(pattern, path)
        || path.ancestors().any(|parent| {
            path.strip_prefix(parent).is_ok_and(|rest| !rest.as_os_str().is_empty() && matches(pattern, rest))
        })
}

/// Whether a pattern matches a path. What is not UTF-8 counts as one unusual character, which `*` and `?` match.
fn matches(pattern: &glob::Pattern, path: &Path) -> bool {
    pattern.matches(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_pattern_of_a_reference_system_matches_names_that_are_no_text() {
        let pattern = glob::Pattern::new("zone33/*.csv").expect("a pattern");
        assert!(matches(&pattern, Path::new(OsStr::from_bytes(b"zone33/z\xff.csv"))));
        assert!(!matches(&pattern, Path::new(OsStr::from_bytes(b"zone32/z\xff.csv"))));
    }
}
