//! Names of columns that are paths in JSON: the last of their names, where that tells them apart.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Found;
use crate::path::names;

/// Names columns after their sources, which are paths.
pub(super) fn name(columns: &mut [Found]) {
    let mut levels: Vec<usize> = vec![1; columns.len()];
    loop {
        let mut taken: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        for (index, column) in columns.iter().enumerate() {
            taken.entry(named(&column.source, levels[index])).or_default().push(index);
        }
        let mut changed = false;
        for index in taken.into_values().filter(|indexes| indexes.len() > 1).flatten() {
            let has_more = levels[index] < names(&columns[index].source).len();
            levels[index] += usize::from(has_more);
            changed |= has_more;
        }
        if !changed {
            break;
        }
    }
    let mut taken = FxHashSet::default();
    for (column, levels) in columns.iter_mut().zip(levels) {
        // Names of different paths may come to the same.
        let name = named(&column.source, levels);
        let others = (2..).map(|number| format!("{name}_{number}"));
        column.name = std::iter::once(name.clone()).chain(others).find(|name| !taken.contains(name)).unwrap_or(name);
        taken.insert(column.name.clone());
    }
}

/// The last names of a path, so many of them; the numbers of a point's coordinates by what they are (RFC 7946, 3.1.1).
fn named(path: &str, levels: usize) -> String {
    let all = names(path);
    // What encloses records, where that has to be told from what is in them.
    let names: Vec<&str> = all.iter().map(|name| if name == "@" { "enclosing" } else { name }).collect();
    if let [above @ .., "coordinates", number @ ("0" | "1" | "2")] = &names[..] {
        let name = match *number {
            "0" => "longitude",
            "1" => "latitude",
            _ => "altitude",
        };
        let more = above.len().min(levels.saturating_sub(1));
        return above[above.len() - more..].iter().copied().chain([name]).collect::<Vec<_>>().join("_");
    }
    // A number alone says nothing.
    let is_number = names.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let levels = (levels + usize::from(is_number)).min(names.len());
    names[names.len() - levels..].join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_short_as_tells_them_apart() {
        let paths = [
            "id",
            "a.value",
            "b.c.value",
            "tags.0",
            "x.y_z",
            "x_y.z",
            "@.id",
            "@.site",
            "geometry.coordinates.0",
            "geometry.coordinates.1",
            "x.mag",
        ];
        let mut columns: Vec<Found> =
            paths.iter().map(|path| Found { source: (*path).into(), ..Found::default() }).collect();
        name(&mut columns);
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(
            names,
            ["id", "a_value", "c_value", "tags_0", "y_z", "z", "enclosing_id", "site", "longitude", "latitude", "mag"]
        );
    }
}
