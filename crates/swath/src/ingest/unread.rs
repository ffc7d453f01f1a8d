//! Columns of a batch that its lake does not have: they are left out, which a person should know.
//!
//! A schema file that names some columns leaves the others out on purpose, so nothing is told of that.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use swath_table::schema::TableSchema;

/// Columns that a sentence names.
const NAMED_MAX: usize = 8;

/// What GeoParquet makes of coordinates; it is made again.
const OF_PLACES: [&str; 2] = ["geometry", "bbox"];

/// Names of the columns of files, each set with the first file that has it.
pub type Headers = Vec<(PathBuf, Vec<Vec<u8>>)>;

/// Columns that are not in the lake, as sentences: one for each set of names that has any.
pub fn warnings(headers: &Headers, schema: &TableSchema) -> Vec<String> {
    let mut known: FxHashSet<String> = OF_PLACES.map(String::from).into_iter().collect();
    for column in &schema.columns {
        let own = std::slice::from_ref(&column.name);
        let sources = if column.source.is_empty() { own } else { &column.source };
        known.extend(sources.iter().map(|source| source.trim().to_string()));
    }
    let mut told = Vec::new();
    for (file, names) in headers {
        let names = names.iter().map(|name| String::from_utf8_lossy(name).trim().to_string());
        let new: Vec<String> = names.filter(|name| !name.is_empty() && known.insert(name.clone())).collect();
        if !new.is_empty() {
            told.push(sentence(file, &new));
        }
    }
    told
}

fn sentence(file: &Path, names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED_MAX).map(|name| format!("{name:?}")).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (shown, file) = (shown.join(", "), file.display());
    match names.len() {
        1 => format!("column {shown} of {file} is not in the lake and is left out"),
        _ => format!("columns {shown}{more} of {file} are not in the lake and are left out"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_names_are_told_and_each_once() {
        let text = "[columns.id]\ntype = \"category\"\nsource = \"Sensor\"\n[columns.v]\ntype = \"float64\"\n";
        let file = swath_table::schema_file::parse(text, Path::new("s.toml")).expect("a schema file");
        let schema = file.resolve(None).expect("a schema");
        let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let headers = vec![
            ("a.csv".into(), names(&["Sensor", "v", "geometry", ""])),
            ("b.csv".into(), names(&["Sensor", " co2", "v"])),
            ("c.csv".into(), names(&["co2", "id", "no2"])),
        ];
        let wanted = [
            "column \"co2\" of b.csv is not in the lake and is left out",
            "columns \"id\", \"no2\" of c.csv are not in the lake and are left out",
        ];
        assert_eq!(warnings(&headers, &schema), wanted);
        let many: Vec<String> = (0..10).map(|number| format!("c{number}")).collect();
        assert!(sentence(Path::new("d"), &many).starts_with("columns \"c0\", "), "{}", sentence(Path::new("d"), &many));
        assert!(sentence(Path::new("d"), &many).contains("\"c7\" and 2 more of d"));
    }
}
