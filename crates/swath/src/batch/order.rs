//! Which job waits for which: one that reads what another writes comes behind it.
//!
//! It compares paths, and opens nothing but lists of files. A glob waits for outputs that match it, a folder for outputs in
//! it, a list for the outputs that it names.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use swath_core::{Error, Result};

use super::jobs::Jobs;
use super::{Files, Understand};
use crate::ingest::pattern;
use crate::raster::each_listed;

/// Folders of a list that are remembered at a time.
const FOLDERS_MAX: usize = 1000;

/// What waits for what, by the numbers of jobs.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// For each job how many others it waits for.
    open: Vec<u32>,
    /// Who waits for whom, as (the one that is waited for, the one that waits), in order.
    edges: Vec<(u32, u32)>,
}

impl Needs {
    /// Those that wait for a job.
    pub fn of(&self, job: u32) -> impl Iterator<Item = u32> {
        let first = self.edges.partition_point(|edge| edge.0 < job);
        self.edges[first..].iter().take_while(move |edge| edge.0 == job).map(|edge| edge.1)
    }

    /// Whether a job waits for no other.
    pub fn is_free(&self, job: u32) -> bool {
        self.open[job as usize] == 0
    }

    /// Notes that a job waits for one less; answers whether it waits for none now.
    pub fn one_less(&mut self, job: u32) -> bool {
        self.open[job as usize] -= 1;
        self.is_free(job)
    }

    /// All jobs, each behind those that it waits for.
    ///
    /// # Errors
    /// A job that waits for itself, by way of others.
    pub fn in_order(&self) -> std::result::Result<Vec<u32>, u32> {
        let mut open = self.open.clone();
        let mut order: Vec<u32> = (0..open.len() as u32).filter(|job| self.is_free(*job)).collect();
        let mut next = 0;
        while let Some(job) = order.get(next).copied() {
            next += 1;
            for waiting in self.of(job) {
                open[waiting as usize] -= 1;
                if open[waiting as usize] == 0 {
                    order.push(waiting);
                }
            }
        }
        // Of those that are left, some only wait for the circle; whoever is followed back long enough is in it.
        let left = |job: &u32| open[*job as usize] > 0;
        match (0..open.len() as u32).find(left) {
            None => Ok(order),
            Some(start) => {
                let before =
                    |job: u32| self.edges.iter().find(|edge| edge.1 == job && left(&edge.0)).map(|edge| edge.0);
                Err((0..open.len()).try_fold(start, |job, _| before(job)).unwrap_or(start))
            }
        }
    }
}

/// Understands the words of all jobs, and finds out who waits for whom.
///
/// # Errors
/// [`Error::Usage`] with the place of words that mean nothing, of an output that two jobs write, and of jobs that wait for
/// each other.
pub(super) fn settle(jobs: &Jobs, understand: &mut Understand<'_>) -> Result<Needs> {
    let mut places = Places::default();
    let mut outputs: HashMap<PathBuf, u32> = HashMap::new();
    let mut inputs: HashMap<PathBuf, Vec<u32>> = HashMap::new();
    let mut patterns: Vec<(glob::Pattern, u32)> = Vec::new();
    let mut lists: HashMap<PathBuf, Vec<u32>> = HashMap::new();
    for (number, job) in jobs.all.iter().enumerate() {
        let Files { inputs: read, outputs: written, lists: named, .. } =
            understand(&job.words).map_err(|error| at(jobs, number, &error))?;
        for output in written {
            let place = places.of(&output);
            if let Some(first) = outputs.insert(place, number as u32).filter(|first| *first != number as u32) {
                return Err(Error::Usage {
                    message: format!(
                        "{}: {} is the output of {}, too",
                        jobs.place(number),
                        output.display(),
                        jobs.place(first as usize)
                    ),
                    hint: "give each job an output of its own".into(),
                });
            }
        }
        for list in named {
            lists.entry(list).or_default().push(number as u32);
        }
        for input in read {
            let place = places.of(&input);
            let text = pattern(place.as_os_str()).filter(|_| place.symlink_metadata().is_err());
            match text.and_then(|text| glob::Pattern::new(text).ok()) {
                Some(pattern) => patterns.push((pattern, number as u32)),
                None => inputs.entry(place).or_default().push(number as u32),
            }
        }
    }
    let mut edges = edges(&outputs, &inputs, &patterns);
    for (list, readers) in &lists {
        for writer in named_outputs(list, &outputs, &mut places) {
            edges.extend(readers.iter().map(|reader| (writer, *reader)));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    if let Some(own) = edges.iter().find(|edge| edge.0 == edge.1) {
        return Err(Error::Usage {
            message: format!("{}: the job reads what it writes", jobs.place(own.0 as usize)),
            hint: "give it another output".into(),
        });
    }
    let mut open = vec![0; jobs.all.len()];
    edges.iter().for_each(|edge| open[edge.1 as usize] += 1);
    let needs = Needs { open, edges };
    needs.in_order().map_err(|job| Error::Usage {
        message: format!(
            "{}: the job waits for itself: it reads what others make of its output",
            jobs.place(job as usize)
        ),
        hint: "give one of them another output".into(),
    })?;
    Ok(needs)
}

fn edges(
    outputs: &HashMap<PathBuf, u32>,
    inputs: &HashMap<PathBuf, Vec<u32>>,
    patterns: &[(glob::Pattern, u32)],
) -> Vec<(u32, u32)> {
    let mut edges = Vec::new();
    // The output itself, or a file in an output that is a folder.
    for (input, readers) in inputs {
        for on in input.ancestors().filter_map(|path| outputs.get(path)) {
            edges.extend(readers.iter().map(|reader| (*on, *reader)));
        }
    }
    for (output, writer) in outputs {
        let above = output.ancestors().skip(1).filter_map(|path| inputs.get(path)).flatten();
        let matching = patterns.iter().filter(|(pattern, _)| is_below(output, pattern) && pattern.matches_path(output));
        // A job may write into a folder that it reads.
        let readers = above.chain(matching.map(|(_, reader)| reader)).filter(|reader| *reader != writer);
        edges.extend(readers.map(|reader| (*writer, *reader)));
    }
    edges
}

/// Who writes what a list names. One that cannot be read names nothing yet; whoever reads it says what is wrong with it.
fn named_outputs(list: &Path, outputs: &HashMap<PathBuf, u32>, places: &mut Places) -> Vec<u32> {
    let mut writers = Vec::new();
    // Thousands of lines are of some folders; where each is of its own, those are forgotten again.
    let known = places.0.len() + FOLDERS_MAX;
    let _ = each_listed(list, &mut |path| {
        let place = places.of(path);
        writers.extend(place.ancestors().filter_map(|path| outputs.get(path)));
        if places.0.len() > known {
            places.0.clear();
        }
    });
    writers.sort_unstable();
    writers.dedup();
    writers
}

/// Whether a path begins as a pattern does; most do not, and that is seen sooner.
fn is_below(path: &Path, pattern: &glob::Pattern) -> bool {
    let fixed = pattern.as_str().split(['*', '?', '[']).next().unwrap_or_default();
    path.as_os_str().as_encoded_bytes().starts_with(fixed.as_bytes())
}

/// The error with the place of the job.
fn at(jobs: &Jobs, job: usize, error: &Error) -> Error {
    Error::Usage { message: format!("{}: {error}", jobs.place(job)), hint: error.hint().unwrap_or_default() }
}

/// Paths in one form, whatever folders and links they name on the way.
#[derive(Default)]
struct Places(HashMap<PathBuf, PathBuf>);

impl Places {
    fn of(&mut self, path: &Path) -> PathBuf {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
        let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
            return whole.canonicalize().unwrap_or(whole);
        };
        if !self.0.contains_key(parent) {
            let known = parent.canonicalize().unwrap_or_else(|_| folded(parent));
            self.0.insert(parent.into(), known);
        }
        self.0.get(parent).map_or_else(|| whole.clone(), |parent| parent.join(name))
    }
}

/// The path without `.` and `..`, as far as that can be told without looking.
fn folded(path: &Path) -> PathBuf {
    let mut folded = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                folded.pop();
            }
            part => folded.push(part),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs written as `inputs>outputs`, with commas between files.
    fn needs(lines: &[&str]) -> Result<Needs> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jobs.toml");
        let text: String = lines.iter().map(|line| format!("[[job]]\nwords = ['{line}']\n")).collect();
        std::fs::write(&path, text).expect("written");
        let jobs = Jobs::of_file(&path).expect("jobs");
        settle(&jobs, &mut |words| {
            let (inputs, outputs) = words[0].split_once('>').expect("written so");
            let paths = |text: &str| text.split(',').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
            let lists = inputs.split(',').filter_map(|path| path.strip_prefix('@')).map(PathBuf::from).collect();
            Ok(Files { inputs: paths(inputs), lists, outputs: paths(outputs), resumes: true })
        })
    }

    #[test]
    fn who_reads_what_another_writes_comes_behind_it() {
        for (lines, edges) in [
            (&["a>b", "b>c", "x>y"][..], &[(0, 1)][..]),
            (&["b>c", "a>./d/../b"], &[(1, 0)]),
            (&["a>lake", "lake/p/x.parquet>c"], &[(0, 1)]),
            (&["a>t/1.tif", "a>t/2.tif", "t/*.tif>m.tif"], &[(0, 2), (1, 2)]),
            (&["a>t/1.tif", "t>m.tif"], &[(0, 1)]),
            (&["a>b,truth", "truth>c"], &[(0, 1)]),
            (&["in>in/out"], &[]),
        ] {
            assert_eq!(needs(lines).expect("good").edges, edges, "{lines:?}");
        }
    }

    #[test]
    fn a_list_names_what_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("list.txt");
        let text = format!("\n  x/../b\r\nlake/p/x.parquet\nother\n{}", "longer/\u{e4}".repeat(100_000));
        std::fs::write(&list, text).expect("written");
        let reader = format!("@{}>m", list.display());
        let needs = |lines: &[&str]| needs(lines).expect("good").edges;
        assert_eq!(needs(&["a>b", &reader, "c>lake", "d>e"]), [(0, 1), (2, 1)]);
        assert_eq!(needs(&["a>b", "@none.txt>m"]), []);
    }

    #[test]
    fn circles_and_outputs_of_two_are_refused() {
        for (lines, wanted) in [
            (&["a>b", "c>b"][..], "line 3: b is the output of"),
            (&["a>b", "c>./x/../b"], "is the output of"),
            (&["a>a"], "line 1: the job reads what it writes"),
            (&["x>y", "c>a", "a>b", "b>c", "b>z"], "the job waits for itself"),
        ] {
            let error = needs(lines).expect_err(wanted);
            assert!(error.to_string().contains(wanted), "{lines:?}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
        let error = needs(&["z>w", "w>v", "c>a", "a>b", "b>c,z"]).expect_err("a circle").to_string();
        assert!(["line 5", "line 7", "line 9"].iter().any(|line| error.contains(line)), "{error}");
    }
}
