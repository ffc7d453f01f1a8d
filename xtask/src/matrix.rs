//! `docs/memory-matrix.md`: rows of the memory matrix, each in the place of the one that was measured before it.

use std::fs;
use std::path::PathBuf;

use swath_testkit::trial::memory::{HEAD, Row};

use crate::shell;

const ABOUT: &str = "\
# Memory matrix

Each verb on data many times its ceiling, alone in a memory group (cgroup) of the ceiling and 15 %, without swap: nobody is
killed, the resident set never passes the ceiling, the prediction is never passed, and one thread and two write the same bytes.
`cargo xtask faults memory` measures it and writes this page; `--only VERB` and `--ceiling MB` measure a part again, and rows of
other runs stay as they are. A verb that is not in the table was not measured.

*Data* is what is read, as text or as pixels that are not packed (of a lake: the text it was made of); of `synth`, what is
made. *Predicted* and *taken* are what the program says, *high water* is `VmHWM` of its process. Of a batch, *predicted* is its
ceiling, *taken* what was granted to workers at most and the supervisor's peak, and *high water* the highest sampled sum of the
proportional sets (PSS) of all its processes. Times are no measure of speed: they are of a machine that did other things, too.

";

/// Puts a row into the page.
///
/// # Errors
/// Where it cannot be written.
pub fn keep(row: &Row) -> Result<(), String> {
    let path = path();
    let text = fs::read_to_string(&path).unwrap_or_default();
    let page = with(&text, &row.to_string());
    fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))
}

fn path() -> PathBuf {
    shell::root().join("docs/memory-matrix.md")
}

/// What tells one row from another: verb, ceiling and threads.
fn key(line: &str) -> Vec<&str> {
    line.split('|').map(str::trim).skip(1).take(3).collect()
}

fn with(text: &str, row: &str) -> String {
    let is_row = |line: &&str| line.starts_with("| ") && !HEAD.contains(*line);
    let mut rows: Vec<&str> = text.lines().filter(is_row).collect();
    match rows.iter().position(|line| key(line) == key(row)) {
        Some(position) => rows[position] = row,
        None => rows.push(row),
    }
    format!("{ABOUT}{HEAD}\n{}\n", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_the_place_of_the_one_before() {
        let row =
            |verb: &str, seconds: u64| Row { verb: verb.into(), ceiling: 64, seconds, ..Row::default() }.to_string();
        let page = with("", &row("calc", 1));
        let page = with(&page, &row("warp", 2));
        let again = with(&page, &row("calc", 3));
        assert_eq!(again, page.replace(&row("calc", 1), &row("calc", 3)));
        assert_eq!(again.lines().count(), page.lines().count());
    }
}
