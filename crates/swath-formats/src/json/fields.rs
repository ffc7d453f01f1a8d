//! The values at some paths of a line: where they begin and end.

use swath_table::path::names;

use super::shape::Shape;
use super::text::{Kind, Wrong, elements, kind_of, members, skip_space, unescape};

/// Levels of a path at most.
const LEVELS_MAX: usize = 32;
/// The place of what is not there.
const NOTHING: [u32; 2] = [u32::MAX, 0];

/// Where places of values go, and what is learnt of the line.
type Out<'o> = (&'o mut [[u32; 2]], &'o mut Shape);

/// The place of the text of a value.
#[inline]
fn inside(line: &[u8], kind: Kind, start: usize, end: usize) -> [u32; 2] {
    let (from, to) = match kind {
        Kind::Text => (start + 1, end - 1),
        Kind::Bare if line[start] == b'n' && &line[start..end] == b"null" => (start, start),
        _ => (start, end),
    };
    [(from as u32).wrapping_sub(1), to as u32]
}

/// Paths, as a tree of names.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The first one is the top.
    nodes: Vec<Vec<Member>>,
    count: usize,
}

/// What is wanted of a member or element with a name.
#[derive(Debug, Clone)]
struct Member {
    name: Box<[u8]>,
    /// The name as a number, for elements.
    number: Option<usize>,
    /// Which path ends here.
    field: Option<usize>,
    /// The node of those that go on.
    node: Option<usize>,
}

impl Paths {
    /// The tree of some paths ([`swath_table::path`]); elements of arrays are counted from 0.
    ///
    /// # Errors
    /// In words: a path that is none, one that is given twice, and one that goes on where another one ends.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p str>) -> Result<Paths, String> {
        let mut tree = Paths { nodes: vec![Vec::new()], count: 0 };
        for path in paths {
            let names = names(path);
            if names.iter().any(|name| name.is_empty()) || names.len() > LEVELS_MAX {
                return Err(format!("{path:?} is no path: wanted up to {LEVELS_MAX} names between dots"));
            }
            let mut node = 0;
            for (level, name) in names.iter().enumerate() {
                let member = tree.member(node, name);
                let is_last = level + 1 == names.len();
                let next = tree.nodes.len();
                let own = &mut tree.nodes[node][member];
                if own.field.is_some() || is_last && own.node.is_some() {
                    return Err(format!("{path:?} is asked for together with what is in it, or twice"));
                }
                if is_last {
                    own.field = Some(tree.count);
                    break;
                }
                node = match own.node {
                    Some(node) => node,
                    None => {
                        own.node = Some(next);
                        tree.nodes.push(Vec::new());
                        next
                    }
                };
            }
            tree.count += 1;
        }
        Ok(tree)
    }

    /// How many paths there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The place of a name in a node, made if it is not there.
    fn member(&mut self, node: usize, name: &str) -> usize {
        let members = &mut self.nodes[node];
        members.iter().position(|member| &*member.name == name.as_bytes()).unwrap_or_else(|| {
            members.push(Member { name: name.as_bytes().into(), number: name.parse().ok(), field: None, node: None });
            members.len() - 1
        })
    }

    /// Finds the values in a line that begins at `base`: for path `f` the byte before the value's first is `out[2f]`, and
    /// the one behind it `out[2f + 1]`. Texts are without their quotes, and their escapes are what they mean. What is not
    /// there, and `null`, is empty.
    ///
    /// # Errors
    /// Where the line is no object.
    pub fn cut(&self, line: &mut [u8], base: usize, shape: &mut Shape, out: &mut [u32]) -> Result<(), Wrong> {
        let places = &mut out.as_chunks_mut::<2>().0[..self.count];
        let based = |[before, end]: [u32; 2]| [before.wrapping_add(base as u32), end.wrapping_add(base as u32)];
        places.fill(based(NOTHING));
        let put = |field, kind, start, end| {
            if let Some(place) = places.get_mut(field as usize) {
                *place = based(inside(line, kind, start, end));
            }
        };
        if shape.find(line, put) {
            return Ok(());
        }
        places.fill(NOTHING);
        shape.begin(line);
        let behind = self.object(line, skip_space(line, 0), 0, (places, shape))?;
        if skip_space(line, behind) < line.len() {
            return Err(Wrong { at: behind, wanted: "the end of the line" });
        }
        shape.end(line);
        for [before, end] in places {
            let (from, to) = (before.wrapping_add(1) as usize, *end as usize);
            if from < to && from > 0 && line[from - 1] == b'"' && memchr::memchr(b'\\', &line[from..to]).is_some() {
                let length = unescape(&mut line[from..to]);
                let length = length.ok_or(Wrong { at: from, wanted: "a text without broken escapes" })?;
                *end = (from + length) as u32;
            }
            [*before, *end] = based([*before, *end]);
        }
        Ok(())
    }

    fn object(&self, line: &[u8], at: usize, node: usize, (out, shape): Out<'_>) -> Result<usize, Wrong> {
        let wanted = &self.nodes[node];
        // Most lines have the same members in the same order.
        let mut next = 0;
        members(line, at, |name, start, end| {
            let is_next = wanted.get(next).is_some_and(|member| &*member.name == name);
            let found = if is_next { Some(next) } else { wanted.iter().position(|member| &*member.name == name) };
            let Some(found) = found else {
                shape.see((start, end), kind_of(line, start)?, None);
                return Ok(());
            };
            next = found + 1;
            self.value(line, (start, end), &wanted[found], (out, shape))
        })
    }

    fn value(
        &self,
        line: &[u8],
        (start, end): (usize, usize),
        member: &Member,
        (out, shape): Out<'_>,
    ) -> Result<(), Wrong> {
        let kind = kind_of(line, start)?;
        if let Some(field) = member.field {
            out[field] = inside(line, kind, start, end);
        }
        match (member.node, kind) {
            (Some(node), Kind::Object) => self.object(line, start, node, (out, shape)).map(drop),
            (Some(node), Kind::Array) => {
                shape.give_up();
                elements(line, start, |number, start, end| {
                    let found = self.nodes[node].iter().find(|member| member.number == Some(number));
                    found.map_or(Ok(()), |member| self.value(line, (start, end), member, (&mut *out, &mut *shape)))
                })
                .map(drop)
            }
            _ => {
                shape.see((start, end), kind, member.field);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_at_their_paths() {
        let paths = Paths::new(["b", "a.x", "c.1", "a.y.z", "t", "none"]).expect("paths");
        for (line, wanted) in [
            (
                r#" {"a":{"y":{"z":-1.5},"x":"q"} , "b" : true,"c":[1,[2, 3],4],"t":"\u00e9\n\"","u":{"b":9}} "#,
                ["true", "q", "[2, 3]", "-1.5", "é\n\"", ""],
            ),
            (r#"{"a":{"x":null},"b":"","c":[1],"t":"null"}"#, ["", "", "", "", "null", ""]),
            (r#"{"a":7,"b":1,"b":2}"#, ["2", "", "", "", "", ""]),
            (r#"{"\u0062":1,"a":{"\u0078":2}}"#, ["1", "2", "", "", "", ""]),
            ("{}", [""; 6]),
        ] {
            let mut text = line.as_bytes().to_vec();
            let mut out = [9; 14];
            paths.cut(&mut text, 100, &mut Shape::default(), &mut out).expect(line);
            let place = |place: &[u32]| place[0].wrapping_add(1) as usize - 100..place[1] as usize - 100;
            let got: Vec<String> = out[..12]
                .chunks_exact(2)
                .map(|entries| String::from_utf8_lossy(&text[place(entries)]).into_owned())
                .collect();
            assert_eq!((got, out[12]), (wanted.map(String::from).to_vec(), 9));
        }
        for line in ["", "1", "[1]", "{\"b\":1} x", "{\"b\":1", "{\"b\":\"\\x\"}", "{\"b\" 1}", "{\"b\":}"] {
            let mut text = line.as_bytes().to_vec();
            assert!(paths.cut(&mut text, 0, &mut Shape::default(), &mut [0; 12]).is_err(), "{line}");
        }
    }

    /// Whatever lines came before, a line comes to the same.
    #[test]
    fn a_shape_changes_nothing() {
        let paths = Paths::new(["a", "b.c", "d", "e"]).expect("paths");
        let parts: [&[&str]; 6] = [
            &["{\"a\":", "{ \"a\" : ", "{\"x\":"],
            &["1", "\"t\"", "null", "\"q\\\"\"", "[1,{\"y\":2}]", "\"\"", "1:2", "", "x"],
            &[",\"b\":{\"c\":", ",\"b\":{\"z\":[1],\"c\":", ",\"b\":", ",\"a\":{\"c\":"],
            &["-2.5", "\"a much longer text than the others are here\"", "{}", "true"],
            &["},\"d\":3", "}", ",\"d\":\"\",\"d\":4", "},\"d\": 5 , \"e\":[6]"],
            &["}", "} ", "}}", "", "} x"],
        ];
        let mut state = 1u64;
        let mut draw = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % end
        };
        let mut shape = Shape::default();
        let (mut whole, mut last) = (0, String::new());
        for _ in 0..20_000 {
            // Half of the lines are like the one before.
            let line = match draw(2) {
                0 => last.clone(),
                _ => parts.iter().map(|part| part[draw(part.len()).min(draw(part.len()))]).collect::<String>(),
            };
            let cut = |shape: &mut Shape| {
                let (mut text, mut out) = (line.clone().into_bytes(), [7; 8]);
                let cut = paths.cut(&mut text, 50, shape, &mut out).map_err(drop);
                cut.map(|()| (out, text))
            };
            let wanted = cut(&mut Shape::default());
            assert_eq!(cut(&mut shape), wanted, "{line} behind {last}");
            whole += usize::from(wanted.is_ok());
            last = line;
        }
        assert!((2_000..18_000).contains(&whole), "{whole}");
    }

    #[test]
    fn paths_within_each_other_are_refused() {
        for paths in [&["a", "a"][..], &["a", "a.b"], &["a.b", "a"], &["a..b"], &[""]] {
            assert!(Paths::new(paths.iter().copied()).is_err(), "{paths:?}");
        }
        assert_eq!(Paths::new(["a.b", "a.c", "d"]).expect("paths").count(), 3);
    }
}
