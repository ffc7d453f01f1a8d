//! Paths into nested records: names with dots between them; `\.` is a dot in a name, and `\\` a backslash.

/// The names of a path.
pub fn names(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        let last = names.len() - 1;
        match character {
            '.' => names.push(String::new()),
            '\\' if matches!(characters.peek(), Some('.' | '\\')) => names[last].extend(characters.next()),
            character => names[last].push(character),
        }
    }
    names
}

/// A name as a part of a path.
pub fn escaped(name: &str) -> String {
    let is_special = |character: char| matches!(character, '.' | '\\');
    name.chars().flat_map(|character| is_special(character).then_some('\\').into_iter().chain([character])).collect()
}

/// Whether a path is another one, or leads into what that leads to.
pub fn is_within(path: &str, other: &str) -> bool {
    let (path, other) = (names(path), names(other));
    path.len() >= other.len() && path[..other.len()] == other[..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for all in [&["a"][..], &["a", "b"], &["PM2.5", "x"], &["a\\", "b"], &["\\.", ""], &["", "1"]] {
            let path = all.iter().map(|name| escaped(name)).collect::<Vec<_>>().join(".");
            assert_eq!(names(&path), all, "{path}");
        }
        assert_eq!(names("a\\b.c"), ["a\\b", "c"]);
        assert!(is_within("a.b", "a") && is_within("a", "a") && !is_within("a", "a.b") && !is_within("ab.c", "a"));
    }
}
