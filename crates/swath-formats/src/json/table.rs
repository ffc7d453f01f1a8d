//! Lines of JSON as delimited text, for those who look at a sample of a table.

use rustc_hash::FxHashSet;
use swath_table::path::{escaped, is_within};

use super::fields::Paths;
use super::shape::Shape;
use super::text::{Kind, Wrong, elements, kind_of, members, skip_space};

/// Levels of objects that are looked into.
const LEVELS_MAX: usize = 8;
/// Columns at most; others are not seen.
const COLUMNS_MAX: usize = 4096;

/// Bytes of all paths at most.
const PATHS_BYTES_MAX: usize = 256 << 10;

/// What there is in some lines.
#[derive(Debug, Default)]
pub struct Found {
    /// The paths to all values that are no objects, in the order in which they come. Of arrays, the coordinates of points
    /// are values of their own.
    pub paths: Vec<String>,
    /// Paths to values that are objects elsewhere: what is in these counts.
    pub dropped: Vec<String>,
    /// Whether there were more or longer ones than are looked at.
    pub are_more: bool,
    /// Those with a value that is not null.
    valued: FxHashSet<String>,
    seen: FxHashSet<String>,
    bytes: usize,
}

/// Looks at lines.
pub fn paths_of<'t>(texts: impl IntoIterator<Item = &'t [u8]>) -> Found {
    let mut found = Found::default();
    for text in texts {
        for line in text.split(|byte| *byte == b'\n') {
            // A line that is none is counted when it is read.
            let _ = found.object(line, skip_space(line, 0), &mut String::new(), LEVELS_MAX);
        }
    }
    let ends = |path: &str| path.match_indices('.').map(|(end, _)| end).collect::<Vec<_>>();
    let above: FxHashSet<String> =
        found.paths.iter().flat_map(|path| ends(path).into_iter().map(|end| path[..end].to_string())).collect();
    let (dropped, paths) = std::mem::take(&mut found.paths).into_iter().partition(|path| above.contains(path));
    found.paths = paths;
    found.dropped = dropped;
    found.dropped.retain(|path| found.valued.contains(path));
    found
}

impl Found {
    /// Whether something was found at a path, in it, or in what it is in.
    pub fn has(&self, path: &str) -> bool {
        let near = |other: &String| is_within(path, other) || is_within(other, path);
        self.paths.iter().chain(&self.dropped).any(near)
    }

    fn object(&mut self, line: &[u8], at: usize, path: &mut String, levels: usize) -> Result<usize, Wrong> {
        members(line, at, |name, start, end| {
            let name = escaped(&String::from_utf8_lossy(name));
            // A name without letters is in no path.
            if name.is_empty() { Ok(()) } else { self.value(line, (start, end), &name, path, levels) }
        })
    }

    fn value(
        &mut self,
        line: &[u8],
        (start, end): (usize, usize),
        name: &str,
        path: &mut String,
        levels: usize,
    ) -> Result<(), Wrong> {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        let first = || kind_of(line, skip_space(line, start + 1));
        match kind_of(line, start)? {
            Kind::Object if levels > 0 => self.object(line, start, path, levels - 1).map(drop)?,
            // Those of lines and areas are arrays within each other.
            Kind::Array if name == COORDINATES && levels > 0 && first() == Ok(Kind::Bare) => {
                elements(line, start, |number, start, end| {
                    self.value(line, (start, end), &number.to_string(), path, 0)
                })
                .map(drop)?;
            }
            _ => {
                if !self.seen.contains(path.as_str()) {
                    self.bytes += path.len();
                    if self.paths.len() < COLUMNS_MAX && self.bytes <= PATHS_BYTES_MAX {
                        self.seen.insert(path.clone());
                        self.paths.push(path.clone());
                    } else {
                        self.are_more = true;
                    }
                }
                if &line[start..end] != b"null"
                    && self.seen.contains(path.as_str())
                    && !self.valued.contains(path.as_str())
                {
                    self.valued.insert(path.clone());
                }
            }
        }
        path.truncate(length);
        Ok(())
    }
}

/// The member of a GeoJSON geometry that has numbers for its elements.
const COORDINATES: &str = "coordinates";

/// Appends whole lines as rows of delimited text with commas and double quotes, one field for each path.
pub fn rows(lines: &[u8], paths: &Paths, out: &mut Vec<u8>) {
    out.reserve_exact(lines.len() / 2);
    let mut ends = vec![0; 2 * paths.count()];
    let mut shape = Shape::default();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let mut line = line.to_vec();
        if paths.cut(&mut line, 0, &mut shape, &mut ends).is_err() {
            continue;
        }
        for (number, place) in ends.chunks_exact(2).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            put_field(&line[place[0].wrapping_add(1) as usize..place[1] as usize], out);
        }
        out.push(b'\n');
    }
}

/// The header of such rows.
pub fn header<'p>(paths: impl IntoIterator<Item = &'p str>) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, path) in paths.into_iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        put_field(path.as_bytes(), &mut out);
    }
    out.push(b'\n');
    out
}

fn put_field(text: &[u8], out: &mut Vec<u8>) {
    if !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_objects_elsewhere_are_told() {
        let lines =
            b"{\"v\":1,\"w\":null,\"PM2.5\":3,\"\":4}\n{\"v\":{\"a\":2},\"w\":{\"b\":1}}\n{\"coordinates\":[[1,2]]}\n";
        let found = paths_of([&lines[..]]);
        assert_eq!(found.paths, ["PM2\\.5", "v.a", "w.b", "coordinates"]);
        assert_eq!((found.dropped, found.are_more), (vec!["v".to_string()], false));
    }

    #[test]
    fn lines_become_rows() {
        let lines = br#"{"a":1,"b":{"c":"x,y","d":[1,2]},"geometry":{"type":"Point","coordinates":[9.5,48,null]}}
broken
{"b":{"c":"say \"no\"\n"},"e":null}
"#;
        let paths = paths_of([&lines[..]]).paths;
        let names = ["a", "b.c", "b.d", "geometry.type", "geometry.coordinates.0", "geometry.coordinates.1"];
        assert_eq!(paths, [&names[..], &["geometry.coordinates.2", "e"]].concat());
        let tree = Paths::new(paths.iter().map(String::as_str)).expect("paths");
        let mut text = header(paths.iter().map(String::as_str));
        rows(lines, &tree, &mut text);
        assert_eq!(
            String::from_utf8_lossy(&text),
            "a,b.c,b.d,geometry.type,geometry.coordinates.0,geometry.coordinates.1,geometry.coordinates.2,e\n\
             1,\"x,y\",\"[1,2]\",Point,9.5,48,,\n,\"say \"\"no\"\"\n\",,,,,,\n"
        );
    }
}
