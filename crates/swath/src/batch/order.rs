//! Which job waits for which: one that reads what another writes comes behind it.
//!
//! It compares paths, and opens nothing but lists of files. A glob waits for outputs that match it, a folder for outputs in
//! it, a list for the outputs that it names, and whoever reads a lake for those that change it.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use swath_core::{Error, Result};

use super::jobs::Jobs;
use super::{Files, Understand};
use crate::ingest::pattern;
use crate::raster::each_listed;

/// Folders of a list that are remembered at a time.
const FOLDERS_MAX: usize = 1000;
/// Many that wait for many do so at one point between them, where that is shorter by more than this.
const MEETING: usize = 16;
/// What waits for what at most.
const EDGES_MAX: usize = 400_000;
/// How many links are followed at most.
const LINKS_MAX: usize = 40;

/// What waits for what, by the numbers of jobs. Numbers behind those of jobs are points where many wait for many.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// For each how many others it waits for.
    open: Vec<u32>,
    /// Who waits for whom, as (the one that is waited for, the one that waits), in order.
    edges: Vec<(u32, u32)>,
    jobs: u32,
}

impl Needs {
    /// Those that wait for one.
    fn of(&self, number: u32) -> impl Iterator<Item = u32> {
        let first = self.edges.partition_point(|edge| edge.0 < number);
        self.edges[first..].iter().take_while(move |edge| edge.0 == number).map(|edge| edge.1)
    }

    /// The jobs that wait for a job.
    pub fn behind(&self, job: u32) -> Vec<u32> {
        let (points, mut jobs): (Vec<u32>, Vec<u32>) = self.of(job).partition(|number| *number >= self.jobs);
        jobs.extend(points.into_iter().flat_map(|point| self.of(point)));
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    /// Whether a job waits for no other.
    pub fn is_free(&self, job: u32) -> bool {
        self.open[job as usize] == 0
    }

    /// Notes that a job is done; answers those that wait for none now.
    pub fn done(&mut self, job: u32) -> Vec<u32> {
        let mut less: Vec<u32> = self.of(job).collect();
        let mut free = Vec::new();
        while let Some(number) = less.pop() {
            self.open[number as usize] -= 1;
            match self.open[number as usize] {
                0 if number >= self.jobs => less.extend(self.of(number)),
                0 => free.push(number),
                _ => {}
            }
        }
        free.sort_unstable();
        free
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
        let left = |number: &u32| open[*number as usize] > 0;
        match (0..self.jobs).find(left) {
            None => {
                order.retain(|number| *number < self.jobs);
                Ok(order)
            }
            Some(start) => {
                let before =
                    |number: u32| self.edges.iter().find(|edge| edge.1 == number && left(&edge.0)).map(|edge| edge.0);
                let end = (0..open.len()).try_fold(start, |number, _| before(number)).unwrap_or(start);
                Err(if end < self.jobs { end } else { before(end).unwrap_or(start) })
            }
        }
    }
}

/// Understands the words of all jobs, and finds out who waits for whom. `own` is what the batch itself writes, and how that
/// is called.
///
/// # Errors
/// [`Error::Usage`] with the place of words that mean nothing, of an output that two write, and of jobs that wait for each
/// other.
pub(super) fn settle(jobs: &Jobs, own: &[(&str, &Path)], understand: &mut Understand<'_>) -> Result<Needs> {
    let mut found = Found::default();
    let mut written: HashMap<PathBuf, String> = HashMap::new();
    for (name, path) in own {
        written.insert(found.places.of(path), format!("the {name} of the batch"));
    }
    for (number, job) in jobs.all.iter().enumerate() {
        let files = understand(&job.words).map_err(|error| at(jobs, number, &error))?;
        for path in files.outputs.iter().chain(&files.reports) {
            let place = found.places.of(path);
            let first = found.outputs.get(&place).or_else(|| found.reports.get(&place));
            let first = first.filter(|first| **first != number as u32);
            let first = first.map(|first| format!("the output of {}", jobs.place(*first as usize)));
            if let Some(first) = first.as_ref().or_else(|| written.get(&place)) {
                return Err(Error::Usage {
                    message: format!("{}: {} is {first}, too", jobs.place(number), path.display()),
                    hint: "give each job an output of its own".into(),
                });
            }
            match files.reports.contains(path) {
                true => found.reports.insert(place, number as u32),
                false => found.outputs.insert(place, number as u32),
            };
        }
        for path in &files.changes {
            let place = found.places.of(path);
            if let Some(first) = found.changes.insert(place, number as u32) {
                return Err(Error::Usage {
                    message: format!(
                        "{}: {} is changed by {}, too",
                        jobs.place(number),
                        path.display(),
                        jobs.place(first as usize)
                    ),
                    hint: "once is enough: leave one of them out".into(),
                });
            }
        }
        found.reads(number as u32, files);
    }
    let needs = found.needs(jobs)?;
    needs.in_order().map_err(|job| Error::Usage {
        message: format!(
            "{}: the job waits for itself: it reads what others make of its output",
            jobs.place(job as usize)
        ),
        hint: "give one of them another output".into(),
    })?;
    Ok(needs)
}

/// Who reads, writes and changes what.
#[derive(Default)]
struct Found {
    places: Places,
    outputs: HashMap<PathBuf, u32>,
    reports: HashMap<PathBuf, u32>,
    changes: HashMap<PathBuf, u32>,
    inputs: HashMap<PathBuf, Vec<u32>>,
    patterns: HashMap<String, Vec<u32>>,
    lists: HashMap<PathBuf, Vec<u32>>,
}

impl Found {
    fn reads(&mut self, job: u32, files: Files) {
        for list in files.lists {
            self.lists.entry(list).or_default().push(job);
        }
        for input in files.inputs {
            let place = self.places.of(&input);
            let text = pattern(place.as_os_str()).filter(|_| place.symlink_metadata().is_err());
            match text.filter(|text| glob::Pattern::new(text).is_ok()) {
                Some(text) => self.patterns.entry(text.into()).or_default().push(job),
                None => self.inputs.entry(place).or_default().push(job),
            }
        }
    }

    fn needs(mut self, jobs: &Jobs) -> Result<Needs> {
        let mut edges = Edges { edges: Vec::new(), points: 0, jobs: jobs.all.len() as u32 };
        // The output itself, or a file in an output that is a folder. Whoever changes it comes between.
        for (input, readers) in &self.inputs {
            let on: Vec<u32> = input.ancestors().filter_map(|path| self.outputs.get(path)).copied().collect();
            edges.add(&on, readers, jobs, true)?;
            let on: Vec<u32> = input.ancestors().filter_map(|path| self.changes.get(path)).copied().collect();
            edges.add(&on, readers, jobs, false)?;
        }
        // A job may write into a folder that it reads.
        let mut above: HashMap<&Path, Vec<u32>> = HashMap::new();
        for (output, writer) in &self.outputs {
            for folder in output.ancestors().skip(1).filter(|folder| self.inputs.contains_key(*folder)) {
                above.entry(folder).or_default().push(*writer);
            }
        }
        for (folder, writers) in &above {
            edges.add(writers, &self.inputs[*folder], jobs, false)?;
        }
        for (text, readers) in &self.patterns {
            let Ok(pattern) = glob::Pattern::new(text) else { continue };
            let matching =
                self.outputs.iter().filter(|(output, _)| is_below(output, text) && pattern.matches_path(output));
            let mut writers: Vec<u32> = matching.map(|(_, writer)| *writer).collect();
            // And the outputs that it looks into.
            let fixed = text.split(['*', '?', '[']).next().unwrap_or_default();
            let folder = Path::new(&fixed[..fixed.rfind('/').unwrap_or(0)]);
            for within in [&self.outputs, &self.changes] {
                writers.extend(folder.ancestors().filter_map(|path| within.get(path)));
            }
            edges.add(&writers, readers, jobs, false)?;
        }
        for (list, readers) in &self.lists {
            let writers = named_outputs(list, &self.outputs, &mut self.places);
            edges.add(&writers, readers, jobs, true)?;
        }
        edges.into_needs(jobs)
    }
}

/// What waits for what, in the making.
struct Edges {
    edges: Vec<(u32, u32)>,
    points: u32,
    jobs: u32,
}

impl Edges {
    /// Has all `readers` wait for all `writers`. One that is both waits for the others, or is refused if it must not be.
    fn add(&mut self, writers: &[u32], readers: &[u32], jobs: &Jobs, refuses_both: bool) -> Result<()> {
        let writing: HashSet<u32> = writers.iter().copied().collect();
        let (both, only): (Vec<u32>, Vec<u32>) = readers.iter().partition(|reader| writing.contains(reader));
        if let Some(own) = both.first().filter(|_| refuses_both) {
            return Err(Error::Usage {
                message: format!("{}: the job reads what it writes", jobs.place(*own as usize)),
                hint: "give it another output".into(),
            });
        }
        for reader in both {
            self.edges.extend(writing.iter().filter(|writer| **writer != reader).map(|writer| (*writer, reader)));
            self.bounded(jobs, reader)?;
        }
        let meeting = writing.len() + only.len() + MEETING;
        if writing.len() * only.len() <= meeting {
            self.edges.extend(only.iter().flat_map(|reader| writing.iter().map(|writer| (*writer, *reader))));
        } else {
            let point = self.jobs + self.points;
            self.points += 1;
            self.edges.extend(writing.iter().map(|writer| (*writer, point)));
            self.edges.extend(only.iter().map(|reader| (point, *reader)));
        }
        only.first().map_or(Ok(()), |reader| self.bounded(jobs, *reader))
    }

    fn bounded(&mut self, jobs: &Jobs, job: u32) -> Result<()> {
        if self.edges.len() > EDGES_MAX {
            self.edges.sort_unstable();
            self.edges.dedup();
        }
        if self.edges.len() <= EDGES_MAX {
            return Ok(());
        }
        Err(Error::Usage {
            message: format!("{}: too many jobs wait for too many others", jobs.place(job as usize)),
            hint: "make two batches of them, one after the other".into(),
        })
    }

    fn into_needs(mut self, jobs: &Jobs) -> Result<Needs> {
        self.edges.sort_unstable();
        self.edges.dedup();
        let mut open = vec![0; jobs.all.len() + self.points as usize];
        self.edges.iter().for_each(|edge| open[edge.1 as usize] += 1);
        Ok(Needs { open, edges: self.edges, jobs: self.jobs })
    }
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
fn is_below(path: &Path, pattern: &str) -> bool {
    let fixed = pattern.split(['*', '?', '[']).next().unwrap_or_default();
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
            self.0.insert(parent.into(), place_of(parent));
        }
        let place = self.0.get(parent).map_or_else(|| whole.clone(), |parent| parent.join(name));
        if place.is_symlink() { place_of(&place) } else { place }
    }
}

/// Where a path leads to, also where that is not there yet.
pub(super) fn place_of(path: &Path) -> PathBuf {
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    for _ in 0..LINKS_MAX {
        let Some(there) = path.ancestors().find(|part| part.symlink_metadata().is_ok()) else { break };
        let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
        if let Ok(known) = there.canonicalize() {
            return folded(&known.join(rest));
        }
        // It leads to what is not there yet.
        let Ok(link) = there.read_link() else { break };
        path = folded(&there.parent().unwrap_or(Path::new("/")).join(link).join(rest));
    }
    folded(&path)
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
        settle(&jobs, &[("report", Path::new("r.html"))], &mut |words| {
            let (inputs, outputs) = words[0].split_once('>').expect("written so");
            let paths = |text: &str| text.split(',').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
            let lists = inputs.split(',').filter_map(|path| path.strip_prefix('@')).map(PathBuf::from).collect();
            // As compact does: +lake reads it and changes it.
            let changes: Vec<PathBuf> =
                inputs.split(',').filter_map(|path| path.strip_prefix('+')).map(PathBuf::from).collect();
            let inputs = inputs.replace('+', "");
            Ok(Files { inputs: paths(&inputs), lists, outputs: paths(outputs), changes, ..Files::default() })
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
            (&["lake>c", "+lake>", "a>lake"], &[(1, 0), (2, 0), (2, 1)]),
            (&["lake/p/*.parquet>c", "+lake>", "a>lake"], &[(1, 0), (2, 0), (2, 1)]),
        ] {
            assert_eq!(needs(lines).expect("good").edges, edges, "{lines:?}");
        }
    }

    #[test]
    fn many_that_wait_for_many_take_little() {
        let mut lines: Vec<String> = (0..1800).map(|number| format!("a>t/{number}.tif")).collect();
        lines.extend((0..1800).map(|number| format!("t/*.tif>m{number}.tif")));
        lines.push("m7.tif>end".into());
        let mut needs = needs(&lines.iter().map(String::as_str).collect::<Vec<_>>()).expect("good");
        assert!(needs.edges.len() < 4000, "{}", needs.edges.len());
        assert_eq!(needs.in_order().expect("no circle").len(), 3601);
        assert_eq!(needs.behind(5), (1800..3600).collect::<Vec<_>>());
        for job in 0..1799 {
            assert!(needs.done(job).is_empty() && !needs.is_free(1800), "{job}");
        }
        assert_eq!(needs.done(1799), (1800..3600).collect::<Vec<_>>());
        assert_eq!((needs.is_free(3600), needs.done(1807)), (false, vec![3600]));
    }

    #[test]
    fn links_lead_to_one_place_also_before_that_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("real")).expect("made");
        for (link, to) in [("link", "real"), ("to-come", "real/new.tif"), ("far", "to-come")] {
            std::os::unix::fs::symlink(to, at(link)).expect("linked");
        }
        let new = at("real").canonicalize().expect("there").join("new.tif");
        for name in ["link/new.tif", "real/x/../new.tif", "to-come", "far"] {
            assert_eq!(Places::default().of(&at(name)), new, "{name}");
        }
        let deep = place_of(&at("link/new/x.tif"));
        assert_eq!(deep, place_of(&at("real/new/x.tif")));
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
            (&["a>r.html"], "is the report of the batch"),
            (&["+a>", "+a>"], "line 3: a is changed by"),
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
