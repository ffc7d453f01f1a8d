//! Where jobs come from: a file of jobs, one line of words for many inputs, or the jobs that an earlier batch set aside.
//!
//! It makes words of them and remembers where they stand. It does not know what words mean, and opens no input.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use swath_core::fault::Faulty;
use swath_core::{Bytes, Error, MemoryRequest, Place, Result};
use toml::Spanned;

use super::aside::{LINE_BYTES_MAX, Request};
use super::state::is_same_folder;
use super::words::{Placeholders, split_words, stem};

/// The longest file of jobs: the table that it is read into must fit into the share of the supervisor.
const FILE_BYTES_MAX: Bytes = Bytes(3_000_000);
/// What the words of one job may take; they pass through a pipe that holds them.
const JOB_BYTES_MAX: usize = 48 << 10;
/// What all jobs may take in the memory of the supervisor.
const JOBS_BYTES_MAX: usize = 8_000_000;

/// One job as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What it is called, if it was given a name.
    pub name: Option<Box<str>>,
    /// The words behind `swath`.
    pub words: Box<[Box<str>]>,
    /// The line that it stands in, counted from 1; of `--each` the number of the input.
    pub line: u32,
    /// Whether an earlier batch began it.
    pub begun: bool,
}

impl Job {
    /// What it takes in memory.
    fn bytes(&self) -> usize {
        let words: usize = self.words.iter().map(|word| word.len() + size_of::<Box<str>>() + 8).sum();
        size_of::<Job>() + words + self.name.as_ref().map_or(0, |name| name.len() + 8)
    }
}

/// Jobs, and what else the file of jobs says.
#[derive(Debug, Default)]
pub struct Jobs {
    /// The file that they stand in, if they do.
    pub path: Option<PathBuf>,
    /// All of them, in order.
    pub all: Vec<Job>,
    /// The ceiling of the whole batch, if the file names one.
    pub memory: Option<MemoryRequest>,
    bytes: usize,
    names: std::collections::HashSet<Box<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    memory: Option<Spanned<String>>,
    #[serde(default)]
    job: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Option<String>,
    run: Option<String>,
    words: Option<Vec<String>>,
}

impl Jobs {
    /// The jobs of a file of jobs.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`]; [`Error::Usage`] with the line of what is wrong.
    pub fn of_file(path: &Path) -> Result<Jobs> {
        let text = read(path)?;
        let mut jobs = Jobs { path: Some(path.into()), ..Jobs::default() };
        let mut begin = 0;
        let mut line = 1;
        while begin < text.len() {
            let piece = piece(&text[begin..]);
            // A text of many lines may hold what looks like the head of a job: then the rest is read at once.
            let (document, piece) = match toml::from_str::<Document>(piece) {
                Ok(document) => (document, piece),
                Err(_) => {
                    let rest = &text[begin..];
                    let document = toml::from_str(rest).map_err(|error| {
                        let at = error.span().map_or(0, |span| span.start);
                        wrong(
                            path,
                            line + lines(&rest[..at.min(rest.len())]),
                            &error.message().trim().replace('\n', "; "),
                        )
                    })?;
                    (document, rest)
                }
            };
            jobs.take(document, piece, line)?;
            line += lines(piece);
            begin += piece.len();
        }
        jobs.some()
    }

    /// One job for each input: the words of `each` with what belongs to the input filled in.
    ///
    /// # Errors
    /// [`Error::Usage`] for words that cannot be filled in, and names of files that are no text.
    pub fn of_each(each: &str, inputs: &[PathBuf], out_dir: &Path, suffix: Option<&str>) -> Result<Jobs> {
        let template = split_words(each)?;
        let mut jobs = Jobs::default();
        for (number, input) in inputs.iter().enumerate() {
            if input.file_stem().is_none() {
                return Err(Error::Usage {
                    message: format!("{} is a folder, and --each wants files", input.display()),
                    hint: "name the files in it: 'FOLDER/*.tif'".into(),
                });
            }
            let no_text = || Error::Usage {
                message: format!("{} has a name that is no text in UTF-8", input.display()),
                hint: "rename it: words of jobs are text".into(),
            };
            let stem = stem(input).ok_or_else(no_text)?;
            let ending = input.extension().and_then(|ending| ending.to_str()).map(|ending| format!(".{ending}"));
            let ending = suffix.map_or_else(|| ending.unwrap_or_default(), str::to_string);
            let output = out_dir.join(format!("{stem}{ending}"));
            let (input, output) = (input.to_str().ok_or_else(no_text)?, output.to_str().ok_or_else(no_text)?);
            let (input, output) = (&*plain(input), &*plain(output));
            let placeholders = Placeholders { input, output, stem };
            let words = template.iter().map(|word| placeholders.fill(word)).collect::<Result<_>>()?;
            if let Some(name) = cut_again(&template, &[input, output, stem]) {
                return Err(Error::Usage {
                    message: format!("input {}: {name:?} would be cut into words of the pipeline", number + 1),
                    hint:
                        "without quotes around the pipeline it stays one word: --each 'raster pipeline read {in} ! …'"
                            .into(),
                });
            }
            jobs.add(None, words, number as u32 + 1, false)?;
        }
        jobs.some()
    }

    /// The jobs that an earlier batch set aside, from the file that it wrote.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`]; [`Error::Usage`] with the line of what is no such request.
    pub fn of_set_aside(path: &Path) -> Result<Jobs> {
        let file = File::open(path).map_err(|error| Error::reading(path, &error))?;
        let here = std::env::current_dir().unwrap_or_default();
        let mut lines = BufReader::with_capacity(64 << 10, Faulty::new(file, "jobs.read"));
        let mut jobs = Jobs { path: Some(path.into()), ..Jobs::default() };
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            if read.map_err(|error| Error::reading(path, &error))? == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let request: Request = serde_json::from_slice(&line)
                .map_err(|error| not_set_aside(path, number, &format!("this is no job that was set aside: {error}")))?;
            if let Some(folder) = request.folder.filter(|folder| !is_same_folder(folder, &here)) {
                let place = Place { line: Some(number.into()), ..Place::file(path) };
                return Err(Error::Usage {
                    message: format!("{place}: the job was set aside in {}, where its paths begin", folder.display()),
                    hint: "try it again from there".into(),
                });
            }
            jobs.add(Some(request.name), request.words, number, request.attempts > 0)?;
        }
        if jobs.all.is_empty() {
            return Err(not_set_aside(path, 1, "no job was set aside here"));
        }
        jobs.some()
    }

    /// Where a job stands.
    pub fn place(&self, job: usize) -> String {
        let line = self.all.get(job).map_or(0, |job| job.line);
        match &self.path {
            Some(path) => Place { line: Some(line.into()), ..Place::file(path) }.to_string(),
            None => format!("input {line} of --each"),
        }
    }

    /// Takes the jobs of a piece of the file, which begins in this line.
    fn take(&mut self, document: Document, piece: &str, line: u32) -> Result<()> {
        let path = self.path.clone().unwrap_or_default();
        if let Some(memory) = document.memory {
            let at = line + lines(&piece[..memory.span().start]);
            let memory = memory.get_ref().parse();
            self.memory = Some(memory.map_err(|message: String| wrong(&path, at, &format!("memory: {message}")))?);
        }
        // Jobs stand one behind the other, so lines are counted on from the job before.
        let (mut offset, mut at) = (0, line);
        for table in document.job {
            let begin = table.span().start.max(offset);
            at += lines(&piece[offset..begin]);
            offset = begin;
            let Table { name, run, words } = table.into_inner();
            let words = match (run, words) {
                (Some(run), None) => split_words(&run).map_err(|error| wrong(&path, at, &error.to_string()))?,
                (None, Some(words)) => words,
                _ => return Err(wrong(&path, at, "a job has either run = \"…\" or words = […]")),
            };
            if let Some(name) = &name
                && !self.names.insert(name.as_str().into())
            {
                return Err(wrong(&path, at, &format!("two jobs are called {name:?}")));
            }
            self.add(name, words, at, false)?;
        }
        Ok(())
    }

    fn add(&mut self, name: Option<String>, words: Vec<String>, line: u32, begun: bool) -> Result<()> {
        let words = words.into_iter().map(String::into_boxed_str).collect();
        let job = Job { name: name.map(String::into_boxed_str), words, line, begun };
        let bytes = job.bytes();
        self.bytes += bytes;
        self.all.push(job);
        let place = || self.place(self.all.len() - 1);
        if bytes > JOB_BYTES_MAX {
            return Err(Error::Usage {
                message: format!(
                    "{}: the words of the job are too long: at most {}",
                    place(),
                    Bytes::from(JOB_BYTES_MAX)
                ),
                hint: "name many files by a glob or by @LIST".into(),
            });
        }
        if self.bytes > JOBS_BYTES_MAX {
            let most = Bytes::from(JOBS_BYTES_MAX);
            return Err(Error::Usage {
                message: format!("{}: the jobs up to here take more than {most} of memory", place()),
                hint: "make two batches of them, one after the other".into(),
            });
        }
        Ok(())
    }

    fn some(self) -> Result<Jobs> {
        if !self.all.is_empty() {
            return Ok(self);
        }
        let path = self.path.as_ref().map_or(String::new(), |path| format!("{}: ", path.display()));
        Err(Error::Usage {
            message: format!("{path}there is no job"),
            hint: "a job is written as [[job]], and below it run = \"raster convert a.tif -o b.tif\"".into(),
        })
    }
}

/// A path that no word takes for a flag, a list or a name with a value.
fn plain(path: &str) -> std::borrow::Cow<'_, str> {
    let first = path.split('/').next().unwrap_or_default();
    match first.starts_with(['-', '@']) || first.contains('=') {
        true => format!("./{path}").into(),
        false => path.into(),
    }
}

/// What of these would be more than one word in a pipeline that is written as one word, which is cut into words again.
fn cut_again<'a>(template: &[String], filled: &[&'a str]) -> Option<&'a str> {
    let is_one = |word: &&String| word.contains('{') && word.contains(char::is_whitespace);
    let mut verbs = template.iter().filter(|word| !word.starts_with('-')).map(String::as_str);
    if (verbs.next(), verbs.next()) != (Some("raster"), Some("pipeline")) {
        return None;
    }
    template.iter().find(is_one)?;
    let is_cut = |name: &&&str| name.chars().any(|letter| letter.is_whitespace() || "'\"\\!".contains(letter));
    filled.iter().find(is_cut).copied()
}

fn read(path: &Path) -> Result<String> {
    let failed = |error: &std::io::Error| Error::reading(path, error);
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut text = String::new();
    let file = Faulty::new(file, "jobs.read");
    file.take(FILE_BYTES_MAX.0 + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > FILE_BYTES_MAX.0 {
        return Err(Error::Usage {
            message: format!("{}: a file of jobs has at most {FILE_BYTES_MAX}", path.display()),
            hint: "make two files of it, one batch after the other".into(),
        });
    }
    Ok(text)
}

/// How much of a file of jobs is read as one document: tables of all jobs at once would take many times their text.
const PIECE_BYTES: usize = 64 << 10;

/// The first jobs of a text: some, up to the head of another one.
fn piece(text: &str) -> &str {
    let from = text.floor_char_boundary(PIECE_BYTES);
    match text[from..].find("\n[[job]]") {
        Some(end) => &text[..from + end + 1],
        None => text,
    }
}

fn lines(text: &str) -> u32 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u32
}

fn not_set_aside(path: &Path, line: u32, message: &str) -> Error {
    let place = Place { line: Some(line.into()), ..Place::file(path) };
    Error::Usage {
        message: format!("{place}: {message}"),
        hint: "--retry takes the file in which a batch set jobs aside; a file of jobs stands without --retry".into(),
    }
}

fn wrong(path: &Path, line: u32, message: &str) -> Error {
    let place = Place { line: Some(line.into()), ..Place::file(path) };
    Error::Usage {
        message: format!("{place}: {message}"),
        hint: "a job is written as [[job]], and below it run = \"raster convert a.tif -o b.tif\"".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(text: &str) -> Result<Jobs> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jobs.toml");
        std::fs::write(&path, text).expect("written");
        Jobs::of_file(&path)
    }

    #[test]
    fn jobs_are_read_with_their_lines() {
        let text = "memory = \"2GB\"\n\n[[job]]\nname = \"a\"\nrun = \"raster calc 'b1 + 1' a.tif -o b.tif\"\n\n\
                    [[job]]\nwords = [\"raster\", \"convert\", \"b c.tif\"]\n";
        let jobs = of_text(text).expect("good");
        assert_eq!(jobs.memory, Some(MemoryRequest::Exact(Bytes(2_000_000_000))));
        let lines: Vec<u32> = jobs.all.iter().map(|job| job.line).collect();
        assert_eq!(lines, [3, 7]);
        assert_eq!((&*jobs.all[0].words[2], &*jobs.all[1].words[2]), ("b1 + 1", "b c.tif"));
        assert_eq!(jobs.all[0].name.as_deref(), Some("a"));
    }

    #[test]
    fn what_is_no_job_is_told_with_its_line() {
        for (text, wanted) in [
            ("", "there is no job"),
            ("[[job]]\nname = 'a'", "line 1: a job has either run"),
            ("\n[[job]]\nrun = 'a'\nwords = []", "line 2: a job has either run"),
            ("\n[[job]]\nrun = \"a 'b\"", "line 2: a quote ' is opened"),
            ("[[job]]\nrum = 'a'", "line 2: unknown field `rum`"),
            ("memory = '2'\n[[job]]\nrun = 'a'", "line 1: memory: \"2\" has no unit"),
            ("[[job]\n", "line 1: "),
            ("[[job]]\nname = 'a'\nrun = 'x'\n[[job]]\nname = 'a'\nrun = 'y'", "line 4: two jobs are called \"a\""),
        ] {
            let error = of_text(text).expect_err(text);
            assert!(error.to_string().contains(wanted), "{text}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn long_files_are_read_piece_by_piece() {
        let job = |number: u32| match number % 700 {
            // What looks like the head of a job, in a text of several lines.
            13 => format!("[[job]]\nname = \"\"\"\n[[job]]\n{number}\"\"\"\nrun = 'x {number}'\n"),
            _ => format!("[[job]]\n# {number}\nrun = 'x {number}'\n\n\n"),
        };
        let text: String = (0..8000).map(job).collect();
        assert!(text.len() > 2 * PIECE_BYTES);
        let jobs = of_text(&text).expect("good");
        assert!(jobs.all.iter().enumerate().all(|(number, job)| *job.words[1] == number.to_string()));
        assert!(jobs.all.iter().enumerate().all(|(number, job)| job.line == 1 + 5 * number as u32));
        let error = of_text(&format!("{text}[[job]]\nrum = 1\n")).expect_err("a wrong key").to_string();
        assert!(error.contains("line 40002: unknown field"), "{error}");
    }

    #[test]
    fn one_line_makes_a_job_of_each_input() {
        let inputs = ["in/a b.tif".into(), "in/c.tiff".into()];
        let jobs =
            Jobs::of_each("raster calc \"b1 / 2\" {in} -o {out}", &inputs, Path::new("out"), None).expect("good");
        assert_eq!(
            jobs.all[0].words.iter().map(|word| &**word).collect::<Vec<_>>()[3..],
            ["in/a b.tif", "-o", "out/a b.tif"]
        );
        assert_eq!(&*jobs.all[1].words[5], "out/c.tiff");
        let odd = ["-dash.tif".into(), "x=1.tif".into(), "in/y=1.tif".into()];
        let jobs = Jobs::of_each("raster calc b1 {in} -o {out}", &odd, Path::new("out"), None).expect("good");
        let filled: Vec<&str> = jobs.all.iter().map(|job| &*job.words[3]).collect();
        assert_eq!(filled, ["./-dash.tif", "./x=1.tif", "in/y=1.tif"]);
        let one = "raster pipeline \"read {in} ! write {out}\"";
        assert!(Jobs::of_each(one, &["in/c.tif".into()], Path::new("out"), None).is_ok());
        for name in ["in/a b.tif", "in/a!.tif"] {
            let error = Jobs::of_each(one, &[name.into()], Path::new("out"), None).expect_err(name).to_string();
            assert!(error.contains("would be cut into words"), "{error}");
        }
        let error = Jobs::of_each("x {in}", &["..".into()], Path::new("out"), None).expect_err("a folder").to_string();
        assert!(error.contains(".. is a folder"), "{error}");
        let jobs = Jobs::of_each("x {stem} {out}", &inputs, Path::new("out"), Some("")).expect("good");
        assert_eq!((&*jobs.all[1].words[1], &*jobs.all[1].words[2]), ("c", "out/c"));
    }
}
