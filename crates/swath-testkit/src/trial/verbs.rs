//! A fault at every point of every verb: the same bytes at the end, or the right exit code and nothing at the final path.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use super::cases::{Case, cases, inputs};
use super::{briefly, strays, whole};
use crate::{Folder, Outcome, Tree};

/// How long one run may take, of which any is over in a second.
const RUN_MAX: Duration = Duration::from_secs(60);
/// All points are tried up to this one, and as many more spread over the rest.
const EACH: u64 = 200;
/// Names of what is wrong that a row keeps.
const WRONG_KEPT: usize = 6;

/// What fails, and the exit codes that are right for it.
const KINDS: [(&str, &[i32]); 9] = [
    ("lease", &[3, 4]),
    ("alloc", &[4]),
    ("read", &[5, 6]),
    ("write", &[6]),
    ("enospc", &[6]),
    ("fsync", &[6]),
    ("rename", &[6]),
    ("create", &[6]),
    ("spawn", &[4]),
];

/// What to try.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Some verbs, and few points of each.
    pub is_quick: bool,
    /// Only verbs whose name holds this.
    pub only: Option<String>,
    /// Only this kind of fault.
    pub kind: Option<String>,
    /// How many runs there are at a time.
    pub threads: usize,
}

/// What became of the faults of one kind in one verb.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The verb.
    pub verb: String,
    /// The kind.
    pub kind: String,
    /// How many points there are.
    pub points: u64,
    /// How many of them were tried.
    pub tried: u64,
    /// Runs that came to the same bytes.
    pub same: u64,
    /// Runs that were refused as they should, by exit code.
    pub refused: BTreeMap<i32, u64>,
    /// How many were neither.
    pub wrong: u64,
    /// The first of these, in words.
    pub examples: Vec<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused: Vec<String> = self.refused.iter().map(|(code, runs)| format!("{code} × {runs}")).collect();
        let Row { verb, kind, points, tried, same, wrong, .. } = self;
        write!(f, "{verb:<16} {kind:<7} {points:>7} {tried:>6} {same:>6}  {:<20} {wrong:>5}", refused.join(", "))?;
        self.examples.iter().try_for_each(|example| write!(f, "\n    WRONG {example}"))
    }
}

/// The head of the table.
pub const HEAD: &str = "verb             kind     points  tried   same  refused, exit code    wrong";

/// A verb, ready to be tried.
struct Trial {
    case: Case,
    line: String,
    wanted: Tree,
    before: Option<Tree>,
}

/// Tries all that is wished for; `tell` gets each row as it is done.
pub fn run(program: &str, wishes: &Wishes, tell: &mut dyn FnMut(&Row)) -> Vec<Row> {
    let threads = wishes.threads.max(1);
    let folders: Vec<Folder> = (0..threads).map(|_| Folder::new(program)).collect();
    std::thread::scope(|scope| folders.iter().for_each(|folder| drop(scope.spawn(|| inputs(folder)))));
    let is_wished = |case: &Case| match &wishes.only {
        Some(only) => case.name.contains(only.as_str()),
        None => !wishes.is_quick || case.is_quick,
    };
    let mut rows = Vec::new();
    for case in cases().into_iter().filter(is_wished) {
        let folder = &folders[0];
        case.restore(folder);
        let line = case.line(folder);
        let counts = count(folder, &line);
        let wanted = whole(&folder.at(case.output)).expect("an output");
        let before = case.standing(folder);
        case.restore(folder);
        let trial = Trial { case, line, wanted, before };
        for (kind, codes) in KINDS.iter().filter(|(kind, _)| wishes.kind.as_ref().is_none_or(|wish| wish == kind)) {
            let row = of_kind(&folders, &trial, kind, codes, points(&counts, kind), wishes.is_quick);
            tell(&row);
            rows.push(row);
        }
    }
    rows
}

/// How many points there are of each kind, in the process that has most of them.
fn count(folder: &Folder, line: &str) -> BTreeMap<String, u64> {
    folder.remove(&["counts"]);
    folder.run_with_fault(line, &format!("count:1:{}", folder.at("counts").display())).expect(&[0]);
    let text = String::from_utf8(folder.read("counts")).expect("text");
    let mut most = BTreeMap::new();
    for (kind, count) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
        let highest: &mut u64 = most.entry(kind.to_string()).or_default();
        *highest = (*highest).max(count.parse().expect("a count"));
    }
    most
}

fn points(counts: &BTreeMap<String, u64>, kind: &str) -> u64 {
    let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
    match kind {
        // A full disk is one for all that changes it.
        "enospc" => of("write") + of("fsync") + of("rename") + of("create"),
        kind => of(kind),
    }
}

/// Which points are tried.
fn chosen(points: u64, is_quick: bool) -> Vec<u64> {
    if is_quick {
        // Ever wider, and the last one.
        let mut chosen: Vec<u64> =
            std::iter::successors(Some(1), |nth| Some(nth + 1 + nth / 2)).take_while(|nth| *nth < points).collect();
        chosen.extend((points > 0).then_some(points));
        return chosen;
    }
    let rest = points.saturating_sub(EACH);
    let spread = (1..=rest.min(EACH)).map(|nth| EACH + nth * rest / rest.min(EACH));
    (1..=points.min(EACH)).chain(spread).collect()
}

fn of_kind(folders: &[Folder], trial: &Trial, kind: &str, codes: &[i32], points: u64, is_quick: bool) -> Row {
    let queue = Mutex::new(chosen(points, is_quick).into_iter());
    let row = Mutex::new(Row { verb: trial.case.name.into(), kind: kind.into(), points, ..Row::default() });
    std::thread::scope(|scope| {
        for folder in folders {
            let (queue, row) = (&queue, &row);
            scope.spawn(move || {
                loop {
                    // Its own statement, so that the queue is free again.
                    let next = queue.lock().expect("no thread panicked").next();
                    let Some(nth) = next else { break };
                    let end = attempt(folder, trial, kind, codes, nth);
                    let mut row = row.lock().expect("no thread panicked");
                    row.tried += 1;
                    match end {
                        Ok(0) => row.same += 1,
                        Ok(code) => *row.refused.entry(code).or_default() += 1,
                        Err(why) => {
                            row.wrong += 1;
                            if row.examples.len() < WRONG_KEPT {
                                row.examples.push(format!("{kind}:{nth}: {why}"));
                            }
                        }
                    }
                }
                trial.case.restore(folder);
            });
        }
    });
    row.into_inner().expect("no thread panicked")
}

/// One run with a fault, and then the way on; answers the exit code where all is as it should be.
fn attempt(folder: &Folder, trial: &Trial, kind: &str, codes: &[i32], nth: u64) -> Result<i32, String> {
    let Trial { case, line, wanted, before } = trial;
    case.restore(folder);
    let running = folder.start_with_fault(line, &format!("{kind}:{nth}"));
    let outcome = running.wait_within(RUN_MAX).ok_or("it hangs")?;
    let code = match (outcome.code, case.is_batch()) {
        (Some(code), true) if code == 9 || code == 0 || codes.contains(&code) => code,
        (Some(code), false) if code == 0 || codes.contains(&code) => code,
        _ => return Err(briefly(&outcome)),
    };
    if outcome.stderr.contains("panicked") || outcome.stdout.contains("panicked") {
        return Err(format!("a panic: {}", briefly(&outcome)));
    }
    let standing = whole(&folder.at(case.output));
    let shown = standing.as_ref().map(Tree::without_hidden);
    if code == 0 {
        if shown.as_ref() != Some(wanted) {
            return Err(format!("exit 0 with other bytes: {}", differences(standing.as_ref(), wanted)));
        }
        let left = strays(folder, case.output);
        if left.is_empty() && !has_hidden(standing.as_ref()) {
            return Ok(0);
        }
        // What cannot be removed is told, and removed by the next run. A batch that is all done has nothing to go on with.
        if case.is_batch() {
            return Ok(0);
        }
        if !outcome.stderr.contains("something stays behind") {
            return Err(format!("exit 0, and without a word it left {left:?}: {}", briefly(&outcome)));
        }
        return go_on(folder, trial, "--resume").map(|()| 0);
    }
    is_told(&outcome)?;
    let is_right = match before {
        // Its changes may have begun; then they are written down, and the way on ends them.
        Some(before) => {
            standing.as_ref() == Some(before) || folder.at(&format!(".{}.partial/changes", case.output)).exists()
        }
        None if case.is_batch() => shown.as_ref().is_none_or(|shown| shown.is_part_of(wanted)),
        None => standing.is_none(),
    };
    if !is_right {
        return Err(format!("something stands at the final path: {}", briefly(&outcome)));
    }
    let resumes = nth.is_multiple_of(2) || before.is_some() || case.is_batch();
    go_on(folder, trial, if resumes { "--resume" } else { "--overwrite" })?;
    Ok(code)
}

fn has_hidden(standing: Option<&Tree>) -> bool {
    standing.is_some_and(|standing| standing.without_hidden() != *standing)
}

/// Whether a refusal says what is wrong, and what to do.
fn is_told(outcome: &Outcome) -> Result<(), String> {
    let json: serde_json::Value =
        serde_json::from_str(&outcome.stdout).map_err(|_| format!("no JSON: {}", briefly(outcome)))?;
    let has = |path: &str| json.pointer(path).and_then(|text| text.as_str()).is_some_and(|text| !text.is_empty());
    let is_told = outcome.code == Some(9) || has("/error/message") && has("/error/hint");
    if is_told { Ok(()) } else { Err(format!("no message or no hint: {}", briefly(outcome))) }
}

/// Either way on leads to the same bytes, and leaves nothing beside them.
fn go_on(folder: &Folder, trial: &Trial, way: &str) -> Result<(), String> {
    let Trial { case, line, wanted, .. } = trial;
    let line = super::cases::with_flags(line, way);
    let outcome = folder.start(&line).wait_within(RUN_MAX).ok_or(format!("{way} hangs"))?;
    let standing = whole(&folder.at(case.output));
    if outcome.code != Some(0) {
        return Err(format!("{way} after it: {}", briefly(&outcome)));
    }
    if standing.as_ref() != Some(wanted) {
        return Err(format!("{way} after it, other bytes: {}", differences(standing.as_ref(), wanted)));
    }
    let left = strays(folder, case.output);
    if left.is_empty() { Ok(()) } else { Err(format!("{way} after it left {left:?}")) }
}

fn differences(standing: Option<&Tree>, wanted: &Tree) -> String {
    standing.map_or("nothing".into(), |standing| format!("{:?}", standing.differing(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_spread() {
        assert_eq!(chosen(3, false), [1, 2, 3]);
        let many = chosen(10_000, false);
        assert_eq!((many.len(), many[199], many[399]), (400, 200, 10_000));
        assert_eq!(chosen(250, false).len(), 250);
        assert_eq!(chosen(250, false).last(), Some(&250));
        assert_eq!(chosen(10, true), [1, 2, 4, 7, 10]);
        assert!(chosen(0, true).is_empty() && chosen(0, false).is_empty());
    }
}
