//! What a schema file says of the input's columns before they are laid over each other: it decides what is inferred.
//!
//! Types and everything else that the file says is laid over the inferred schema later, by `resolve`.

use crate::schema::{ColumnSchema, ColumnType, Role};
use crate::schema_file::SchemaFile;

/// Whether the schema file gives the type of a column of the input.
pub(super) fn is_settled(hints: &SchemaFile, source: &str) -> bool {
    hints.columns.as_ref().is_some_and(|columns| {
        // Columns that are not named are not read; those with a type need no inference.
        let named = |name: &String, sources: &Option<Vec<String>>| match sources {
            Some(sources) => sources.iter().any(|other| other == source),
            None => name == source,
        };
        columns.iter().filter(|part| named(&part.name, &part.source)).all(|part| part.column_type.is_some())
    })
}

/// Gives columns the roles that the file gives them, so that the key of dedup and the coordinates are looked for where
/// they are. A column that was only inferred to have a role gives it up.
pub(super) fn roles(columns: &mut [ColumnSchema], hints: &SchemaFile) {
    for part in hints.columns.iter().flatten() {
        let Some(role) = part.role else { continue };
        let own = [part.name.clone()];
        let source = part.source.as_deref().unwrap_or(&own);
        let by_source = columns.iter().position(|column| column.source == source);
        // A column made of several (date and time) is known by its name.
        let by_name = || columns.iter().position(|column| part.source.is_none() && column.name == part.name);
        let position = by_source.or_else(by_name);
        if let Some(role) = role.filter(|role| *role != Role::Value) {
            columns.iter_mut().filter(|column| column.role == Some(role)).for_each(|column| column.role = None);
        }
        if let Some(position) = position {
            columns[position].role = role;
            columns[position].column_type = type_for(role, columns[position].column_type);
        }
    }
}

/// The type that goes with a role, where values of the inferred type can be that.
fn type_for(role: Option<Role>, inferred: ColumnType) -> ColumnType {
    use ColumnType::{Category, Float32, Float64, Int32, Int64, String};
    match (role, inferred) {
        (Some(Role::Sensor), String | Int32 | Int64) => Category,
        (Some(Role::X | Role::Y), Float32 | Int32 | Int64) => Float64,
        _ => inferred,
    }
}
