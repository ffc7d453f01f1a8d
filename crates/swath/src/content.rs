//! What an input holds where that is not what stands in the file: standard input and pipes, compressed files, text in
//! other encodings, JSON documents. It is put down in one scratch file, as plain text, and read from there. So are files
//! with columns that come in like that, and Arrow whose packed record batches are too large to be unpacked in memory.
//!
//! The scratch file has no name from the start: whatever becomes of the process, nothing of it stays.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use swath_core::{Bytes, Error, Place, Result, Stop, fault, progress, writes};
use swath_formats::arrow;
use swath_formats::columnar::Format;
use swath_formats::json::{self, Fault, Form, Layout, RecordPath, Step};
use swath_formats::store::{ReadAt, SourceFile};
use swath_formats::unpack::{Layer, peel};
use xxhash_rust::xxh3::Xxh3;

use crate::work::PROGRAM_BYTES;

/// The argument for standard input.
pub const STANDARD_INPUT: &str = "-";
/// What it is called in messages.
const STANDARD_INPUT_NAME: &str = "standard input";
/// Bytes that go to scratch at once.
const BLOCK_BYTES: usize = 256 << 10;
/// Places of records that an error names at most.
const CANDIDATES_SHOWN: usize = 12;
/// What unpacking takes beside a window of Zstandard and a record of JSON.
const ROOM: Bytes = Bytes(2_000_000);

/// What an input holds.
pub enum Held {
    /// What stands in the file.
    AsItStands {
        /// Whether that is JSON, one object a line.
        is_json: bool,
    },
    /// Something else.
    Content(Content),
}

/// A stretch of the scratch file.
#[derive(Debug, Clone)]
pub struct Content {
    spool: Arc<File>,
    /// Where the scratch file is.
    folder: PathBuf,
    start: u64,
    /// How long it is.
    pub length: u64,
    /// Hash of all of it.
    pub hash: u64,
    /// Of which file.
    path: PathBuf,
    /// Whether it is JSON, one object a line.
    pub is_json: bool,
    /// Where the records were, if it was a JSON document.
    pub records: Option<String>,
    /// How it came about, in words; nothing for what was only copied.
    pub layers: Vec<&'static str>,
}

impl ReadAt for Content {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        fault::point("content.read")?;
        let left = self.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        FileExt::read_at(&*self.spool, &mut buffer[..left], self.start + offset)
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// It is scratch that fails, whatever the input's name.
    fn unreadable(&self, error: &io::Error) -> Error {
        Error::reading_back(&self.folder, error)
    }
}

/// What looking at inputs may take.
#[derive(Clone, Copy)]
pub struct Room<'r> {
    /// The folder of the scratch file.
    pub folder: &'r Path,
    /// How much scratch there may be.
    pub tmp_limit: Option<Bytes>,
    /// The ceiling of the process.
    pub ceiling: Bytes,
    /// Bytes of a record at most.
    pub max_record: Bytes,
    /// Bytes of each input that are wanted, where all of it is not.
    pub most: Option<u64>,
    /// Raised when the process is to end.
    pub stop: &'r Stop,
}

impl<'r> Room<'r> {
    /// Bytes of a record of JSON at most: there may be three in memory.
    fn record_max(&self) -> Bytes {
        self.max_record.min(Bytes(self.ceiling.saturating_sub(PROGRAM_BYTES + ROOM).0 / 3))
    }

    /// Room for whole inputs.
    pub fn new(folder: &'r Path, ceiling: Bytes, stop: &'r Stop) -> Room<'r> {
        Room { folder, tmp_limit: None, ceiling, max_record: Bytes::MIB, most: None, stop }
    }
}

/// The folder for what is only looked at: on disk, where `/tmp` may be in memory.
pub fn temporary_folder() -> PathBuf {
    let named = std::env::var_os("TMPDIR").map(PathBuf::from);
    named
        .or_else(|| Some("/var/tmp".into()).filter(|folder: &PathBuf| folder.is_dir()))
        .unwrap_or_else(std::env::temp_dir)
}

/// What a schema file says of how inputs are written.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Their encoding.
    pub encoding: Option<Layer>,
    /// Where the records of a JSON document are.
    pub records: Option<RecordPath>,
    /// The paths that are wanted of records.
    pub wanted: Option<Vec<String>>,
    /// Whether they are delimited text, whatever they look like.
    pub is_delimited: bool,
}

/// What has to be told of a stream that does not say where it ends.
pub fn never_ends(path: &Path) -> String {
    format!("{}: the stream stops without the mark of its end: was it cut off?", path.display())
}

/// The scratch file of all inputs.
pub struct Spool<'w> {
    room: Room<'w>,
    said: Said,
    file: Option<Arc<File>>,
    end: u64,
    /// What has to be told, as sentences.
    pub warnings: Vec<String>,
}

impl<'w> Spool<'w> {
    /// No input yet; the file is made when the first one comes.
    pub fn new(room: Room<'w>, said: Said) -> Spool<'w> {
        Spool { room, said, file: None, end: 0, warnings: Vec::new() }
    }

    /// Bytes of scratch that it takes.
    pub fn bytes(&self) -> Bytes {
        Bytes(self.end)
    }

    /// Puts a regular file down if it is not text as it stands.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or there is no room.
    pub fn file(&mut self, path: &Path, file: File) -> Result<Held> {
        let mut head = [0; 64];
        let read = ReadAt::read_at(&file, &mut head, 0).map_err(|error| Error::reading(path, &error))?;
        let head = &head[..read];
        if arrow::is_arrow(head) {
            let size = file.metadata().map_err(|error| Error::reading(path, &error))?.len();
            let laid_out = self.unpacked(path, &SourceFile::open(path)?, size)?;
            return Ok(laid_out.map_or(Held::AsItStands { is_json: false }, Held::Content));
        }
        if head.starts_with(b"PAR1") && head.contains(&0) {
            return Ok(Held::AsItStands { is_json: false });
        }
        let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let may_be_json = !self.said.is_delimited && (start.is_empty() || matches!(start[0], b'{' | b'['));
        if self.said.encoding.is_none() && Layer::of(head).is_none() && !may_be_json {
            return Ok(Held::AsItStands { is_json: false });
        }
        self.put(path, Box::new(file), false)
    }

    /// Puts down all that comes from standard input or from a pipe.
    ///
    /// # Errors
    /// As [`Spool::file`], and [`Error::Stopped`].
    pub fn stream(&mut self, path: &Path) -> Result<Content> {
        let reading = |error: io::Error| Error::reading(path, &error);
        let (path, file) = if path == Path::new(STANDARD_INPUT) {
            let file = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(reading)?);
            (Path::new(STANDARD_INPUT_NAME), file)
        } else {
            // To open a pipe would wait for whoever writes to it, and no signal would end that.
            let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
            (path, std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(reading)?)
        };
        match self.put(path, Box::new(Stoppable { file, stop: self.room.stop.clone() }), true)? {
            Held::Content(content) => Ok(content),
            Held::AsItStands { .. } => Err(Error::unexpected("a stream was not put down")),
        }
    }

    /// Puts down what is to be read in place of `source`, where that is not the source itself.
    fn put(&mut self, path: &Path, source: Box<dyn Read + '_>, is_stream: bool) -> Result<Held> {
        let (room, said) = (self.room, &self.said);
        let window = room.ceiling.saturating_sub(PROGRAM_BYTES + ROOM);
        let failed = |error: io::Error| failed(path, &error, room);
        let text = peel(source, said.encoding, window.0).map_err(failed)?;
        let mut layers: Vec<&'static str> = text.layers.iter().map(|layer| layer.name()).collect();
        let is_arrow = arrow::is_arrow(&text.head);
        // What is no whole file of columns is none.
        let is_columnar = is_arrow || matches!(Format::of(&text.head, u64::MAX), Ok(Some(_)));
        let form = if said.is_delimited || is_columnar {
            None
        } else {
            json::form_of(&text.head, text.is_whole, has_name_of_lines(path))
        };
        let records = match &form {
            Some(Form::Document(paths)) => Some(self.records(path, paths)?),
            Some(Form::Lines) => said.records.clone(),
            None => None,
        };
        let is_json = form.is_some();
        let path_of_records = records.as_ref().map(ToString::to_string);
        if records.is_none() && layers.is_empty() && !is_stream {
            return Ok(Held::AsItStands { is_json });
        }
        let mut writer = Writer::begin(self, path)?;
        writer.is_whole = is_columnar;
        match records {
            None => writer.copy(text.text)?,
            Some(records) => {
                layers.push("a JSON document");
                writer.lay_out(text.text, records)?;
            }
        }
        let (spool, start, length, hash) = writer.finish()?;
        let folder = room.folder.into();
        let mut content = Content {
            spool,
            folder,
            start,
            length,
            hash,
            path: path.into(),
            is_json,
            records: path_of_records,
            layers,
        };
        if is_arrow && let Some(unpacked) = self.unpacked(path, &content, length)? {
            // Of a stream, the hash is what it is known by.
            content = Content { hash, layers: [content.layers, unpacked.layers].concat(), ..unpacked };
        }
        Ok(Held::Content(content))
    }

    /// Lays Arrow out unpacked, where its record batches are packed and large.
    fn unpacked(&mut self, path: &Path, file: &dyn ReadAt, size: u64) -> Result<Option<Content>> {
        let outline = arrow::Outline::read(file, size, &|_| true)?;
        if !outline.is_heavy {
            return Ok(None);
        }
        if !outline.is_ended {
            self.warnings.push(never_ends(path));
        }
        let ceiling = self.room.ceiling;
        let window = ceiling.saturating_sub(PROGRAM_BYTES + ROOM + Bytes(outline.memory()));
        let too_large = |bytes: u64| Error::CeilingTooSmall {
            what: format!("what unpacks the record batches of {}", path.display()),
            ceiling,
            smallest: PROGRAM_BYTES + ROOM + Bytes(outline.memory()) + Bytes(bytes),
            mostly: "they are unpacked with as much memory as they were packed with".into(),
        };
        let mut writer = Writer::begin(self, path)?;
        arrow::lay_out(file, &outline, window.0, &too_large, &mut |bytes| writer.put(bytes))?;
        let (spool, start, length, hash) = writer.finish()?;
        let (path, layers) = (path.into(), vec!["packed record batches"]);
        let folder = self.room.folder.into();
        Ok(Some(Content { spool, folder, start, length, hash, path, is_json: false, records: None, layers }))
    }

    /// Where the records of a document are, of which `paths` may be the place.
    fn records(&self, path: &Path, paths: &[String]) -> Result<RecordPath> {
        if let Some(records) = &self.said.records {
            return Ok(records.clone());
        }
        let ask = |message: String| {
            Err(Error::InputCorrupt {
                place: Place::file(path),
                message,
                hint: "say in a schema file where they are: [json] records = \"path.to.them\", with * for every element or \
                       member on the way"
                    .into(),
            })
        };
        match paths {
            [] => ask("it is a JSON document in which no array of records is seen".into()),
            [only] => only.parse().map_err(|message| Error::InputCorrupt {
                place: Place::file(path),
                message,
                hint: "name members without dots".into(),
            }),
            // What holds all others is what there are rows of; what is in them is theirs.
            [first, ..] if first.is_empty() => Ok(RecordPath::default()),
            [first, ..] if first == FEATURES => Ok(features()),
            many => {
                let shown = &many[..many.len().min(CANDIDATES_SHOWN)];
                let more = if many.len() > shown.len() { ", …" } else { "" };
                let shown = shown.join("\", \"");
                ask(format!("it is a JSON document with several arrays of records: \"{shown}\"{more}"))
            }
        }
    }
}

/// The member of a GeoJSON collection that has its features (RFC 7946, 3.3).
const FEATURES: &str = "features";

fn features() -> RecordPath {
    RecordPath(vec![Step::Name(FEATURES.into())])
}

/// Whether a name is one of files with one object a line, compressed or not.
fn has_name_of_lines(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    name.ends_with(".ndjson") || name.ends_with(".jsonl")
}

/// What is put down of one input.
struct Writer<'s, 'w> {
    spool: &'s mut Spool<'w>,
    file: Arc<File>,
    path: &'s Path,
    start: u64,
    buffer: Vec<u8>,
    hash: Xxh3,
    /// Whether the first part of it alone is good for nothing.
    is_whole: bool,
}

impl<'s, 'w> Writer<'s, 'w> {
    fn begin(spool: &'s mut Spool<'w>, path: &'s Path) -> Result<Writer<'s, 'w>> {
        let file = match &spool.file {
            Some(file) => Arc::clone(file),
            None => {
                let folder = spool.room.folder;
                let made = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
                Arc::new(made.map_err(|error| Error::writing(folder, &error))?)
            }
        };
        spool.file = Some(Arc::clone(&file));
        let start = spool.end;
        Ok(Writer {
            spool,
            file,
            path,
            start,
            buffer: Vec::with_capacity(2 * BLOCK_BYTES),
            hash: Xxh3::new(),
            is_whole: false,
        })
    }

    /// Bytes of the input so far.
    fn length(&self) -> u64 {
        self.spool.end + self.buffer.len() as u64 - self.start
    }

    /// Whether there is as much as is wanted.
    fn is_full(&self) -> bool {
        !self.is_whole && self.spool.room.most.is_some_and(|most| self.length() >= most)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > self.buffer.capacity() {
            self.flush()?;
        }
        // What is longer goes piece by piece.
        for piece in bytes.chunks(BLOCK_BYTES) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() >= BLOCK_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let room = self.spool.room;
        room.stop.check().map_err(|_| Error::Stopped { resumable: false })?;
        let end = self.spool.end + self.buffer.len() as u64;
        if let Some(limit) = room.tmp_limit.filter(|limit| limit.0 < end) {
            return Err(Error::OutputUnwritable {
                path: room.folder.into(),
                reason: format!(
                    "what {} holds takes more scratch than --tmp-limit allows, which is {limit}",
                    self.path.display()
                ),
                hint: "a larger --tmp-limit".into(),
            });
        }
        fault::point("content.write")
            .and_then(|()| writes::timed(|| self.file.write_all_at(&self.buffer, self.spool.end)))
            .map_err(|error| Error::writing(room.folder, &error))?;
        self.hash.update(&self.buffer);
        self.buffer.clear();
        self.spool.end = end;
        Ok(())
    }

    /// Puts all of a text down.
    fn copy(&mut self, mut text: Box<dyn Read + '_>) -> Result<()> {
        let mut block = vec![0; BLOCK_BYTES];
        while !self.is_full() {
            match text.read(&mut block) {
                Ok(0) => break,
                Ok(read) => self.put(&block[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(self.path, &error, self.spool.room)),
            }
        }
        Ok(())
    }

    /// Puts the records of a document down, a line each.
    fn lay_out(&mut self, mut text: Box<dyn Read + '_>, records: RecordPath) -> Result<()> {
        let (room, said) = (self.spool.room, &self.spool.said);
        // A collection says nothing of its features but that they are some.
        let is_collection = said.records.is_none() && records == features();
        let wanted = said.wanted.clone().or(is_collection.then(Vec::new));
        let layout = Layout { records, wanted, max_record: room.record_max().as_usize() };
        let laid = json::lay_out(&mut text, &layout, &mut |line| {
            self.put(line)?;
            // Nothing is wrong, and nothing more is wanted.
            if self.is_full() { Err(Error::Stopped { resumable: true }) } else { Ok(()) }
        });
        match laid {
            Ok(laid) if !laid.behind.is_empty() => self.spool.warnings.push(format!(
                "{}: {} is left out of the records that it encloses: it stands behind them, or is long and no schema asks for \
                 it",
                self.path.display(),
                laid.behind.join(", ")
            )),
            Ok(_) | Err(Fault::Out(Error::Stopped { resumable: true })) => {}
            Err(fault) => return Err(unlaid(self.path, fault, self.spool.room)),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Arc<File>, u64, u64, u64)> {
        self.flush()?;
        Ok((self.file, self.start, self.spool.end - self.start, self.hash.digest()))
    }
}

/// A stream that is waited for no longer than until a signal comes.
struct Stoppable {
    file: File,
    stop: Stop,
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        loop {
            if self.stop.is_raised() {
                return Err(io::Error::other("a signal"));
            }
            let mut waiting = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut waiting, Some(&MOMENT)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            match self.file.read(buffer) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                read => {
                    progress::step();
                    return read;
                }
            }
        }
    }
}

/// The error of an input that cannot be read to its end.
fn failed(path: &Path, error: &io::Error, room: Room<'_>) -> Error {
    let text = error.to_string();
    if room.stop.is_raised() {
        return Error::Stopped { resumable: false };
    }
    if text.contains("too much memory") {
        let least = PROGRAM_BYTES + ROOM;
        let window = (2 * room.ceiling.saturating_sub(least).0).next_power_of_two().clamp(1 << 27, 1 << 31);
        return Error::CeilingTooSmall {
            what: format!("the window of {} (zstd --long)", path.display()),
            ceiling: room.ceiling,
            smallest: least + Bytes(window),
            mostly: "what was written with --long is read with as much memory".into(),
        };
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Error::InputCorrupt {
            place: Place::file(path),
            message: text,
            hint: "is it whole? Compare its size and checksum with those of its source".into(),
        },
        _ => Error::reading(path, error),
    }
}

/// The error of a document that cannot be laid out.
fn unlaid(path: &Path, fault: Fault, room: Room<'_>) -> Error {
    let at = |byte_offset| Place { path: path.into(), line: None, byte_offset: Some(byte_offset) };
    match fault {
        Fault::Io(error) => failed(path, &error, room),
        Fault::Out(error) => error,
        Fault::Wrong { offset, wanted, got } => Error::InputCorrupt {
            place: at(offset),
            message: format!("it is no whole JSON document: wanted {wanted}, got {got}"),
            hint: "check that the export finished".into(),
        },
        Fault::TooLong { offset, most } => Error::InputCorrupt {
            place: at(offset),
            message: format!("wanted a record of at most {most} bytes, got a longer one"),
            hint: match most as u64 >= room.max_record.0 {
                true => {
                    "--max-record takes longer ones; or are the records further inside? [json] records = \"path\" says \
                         where"
                        .into()
                }
                false => format!("--memory {} leaves no room for longer ones: give more", room.ceiling),
            },
        },
        Fault::Missing(message) => Error::InputCorrupt {
            place: Place::file(path),
            message,
            hint: "[json] records in the schema file says where the records are".into(),
        },
    }
}
