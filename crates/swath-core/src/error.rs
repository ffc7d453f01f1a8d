//! What can go wrong, sorted by what the reader of the message can do about it.
//!
//! Every error of every room ends as one of these, and each maps to one exit code of the interface.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Bytes;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where in the input something was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// The byte, counted from 0.
    pub byte_offset: Option<u64>,
}

impl Place {
    /// A place that is a whole file.
    pub fn file(path: impl Into<PathBuf>) -> Place {
        Place { path: path.into(), line: None, byte_offset: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(byte) = self.byte_offset {
            write!(f, ", byte {byte}")?;
        }
        Ok(())
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Error {
    /// The words of the command or of a configuration file are wrong (exit 2).
    Usage {
        /// What is wrong, with wanted and got.
        message: String,
        /// What to write instead.
        hint: String,
    },
    /// The plan does not fit into the ceiling (exit 3).
    CeilingTooSmall {
        /// What needs it.
        what: String,
        /// The ceiling that was given.
        ceiling: Bytes,
        /// The smallest ceiling that would do.
        smallest: Bytes,
        /// What takes most of that, and for what; empty if there is nothing to tell.
        mostly: String,
    },
    /// The ceiling was met at run time even in the smallest pieces, or memory could not be had (exit 4).
    CeilingReached {
        /// What asked for memory.
        what: String,
        /// How much it asked for.
        wanted: Bytes,
        /// How much there was.
        got: Bytes,
    },
    /// The plan does not fit into a limit that the process was started with, whatever the ceiling (exit 3).
    LimitTooSmall {
        /// What needs it.
        what: String,
        /// The memory that it needs.
        needed: Bytes,
        /// The smallest ceiling that would do.
        smallest: Bytes,
        /// What the limit leaves for memory.
        available: Bytes,
        /// The limit, in words.
        limit: String,
    },
    /// The system refused memory that the ceiling allows (exit 4).
    MemoryRefused {
        /// What asked for memory.
        what: String,
        /// How much it asked for.
        wanted: Bytes,
    },
    /// The operating system refused a thread (exit 4).
    ThreadRefused {
        /// What the system said.
        reason: String,
    },
    /// Distinct values are more than the memory that is free under the ceiling can hold (exit 4).
    DictionaryFull {
        /// What has the values.
        what: String,
        /// How many there are, at least.
        distinct: u64,
        /// What the dictionary may take.
        limit: Bytes,
    },
    /// An input is missing or cannot be read (exit 5).
    InputUnreadable {
        /// Which.
        path: PathBuf,
        /// What the system said, or what is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// An input was read and is not what it should be (exit 5).
    InputCorrupt {
        /// Where.
        place: Place,
        /// What is wrong, with wanted and got.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Something stands where the output should go (exit 6).
    OutputExists {
        /// The path.
        path: PathBuf,
        /// What stands there, and what to do.
        message: String,
        /// Which flag would help.
        hint: String,
    },
    /// Another run is writing the output at this moment (exit 6).
    OutputHeld {
        /// The folder that it holds.
        path: PathBuf,
        /// Its process, if it has said so already.
        process: Option<u32>,
    },
    /// The output or scratch cannot be written (exit 6).
    OutputUnwritable {
        /// The path.
        path: PathBuf,
        /// What the system said.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// More rows were rejected than the limit allows (exit 7).
    TooManyRejects {
        /// Rows rejected.
        rejected: u64,
        /// Rows read.
        read: u64,
        /// The limit as the user gave it.
        limit: String,
        /// Where the rejects are kept.
        kept_at: PathBuf,
        /// The most frequent reason, with an example.
        example: String,
    },
    /// Rows read do not equal rows accounted for: a bug (exit 8).
    LedgerBroken {
        /// The sums.
        message: String,
    },
    /// A signal stopped the run (exit 75).
    Stopped {
        /// Whether `--resume` would go on from here.
        resumable: bool,
    },
    /// A task needs more than it declared; the executor splits it (never seen by users unless it cannot be split).
    Pressure {
        /// What asked for memory.
        what: String,
        /// How much it asked for.
        wanted: Bytes,
        /// How much its lease had left.
        got: Bytes,
    },
    /// The process has grown from task to task by more than may be (exit 4).
    Drifted {
        /// By how much.
        grown: Bytes,
        /// How much that may be.
        limit: Bytes,
        /// Over so many tasks.
        tasks: u64,
        /// Of that, what lives on the heap.
        live: Bytes,
        /// The rest, which the allocator keeps.
        slack: Bytes,
        /// Files that were open at the end and not before.
        files: u64,
    },
    /// The process that did the work died, and went on as often as may be.
    Died {
        /// How.
        message: String,
        /// What to do.
        hint: String,
        /// The exit code: 4 for want of memory, 75 where it was ended from outside, else 1.
        exit: u8,
    },
    /// Anything else: a bug, or a failure of the system (exit 1).
    Unexpected {
        /// What happened.
        message: String,
    },
}

/// The hint of a file that may not grow, true for any command.
pub const ALLOW_LARGER: &str = "allow larger files (ulimit -f), then run the same command again";
/// The hint of a disk that is full, true for any command; a command that knows a better way on says that instead.
pub const MAKE_ROOM: &str = "make room there, then run the same command again";

/// Whether a path is rather an address of the network, as `s3://bucket/key` and `/vsicurl/https://host/file`.
fn is_address(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let root: PathBuf = path.components().take(2).collect();
    let is_of_gdal = text.starts_with("/vsi") && !root.exists();
    is_of_gdal || text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '\\']))
}

/// Refuses to write at what is rather an address of the network: a folder of that name would be made.
///
/// # Errors
/// [`Error::OutputUnwritable`].
pub fn refuse_address(path: &Path) -> Result<()> {
    match is_address(path) {
        false => Ok(()),
        true => Err(Error::OutputUnwritable {
            path: path.into(),
            reason: "it is an address, and only files of this machine are written".into(),
            hint: match path.to_string_lossy().starts_with("file://") {
                true => "name the file by its path, without file://".into(),
                false => "write a file here, and send it from there".into(),
            },
        }),
    }
}

/// What a hint says of an unfinished run that is of no use; a command that replaces nothing says another thing instead.
pub const BEGIN_ANEW: &str = "begin anew with --overwrite";
/// The hint of a place where nothing may be written.
pub const CHOOSE_FOLDER: &str = "choose a folder that you may write to";
/// The hint of a name that the file system does not take.
const SHORTER_NAME: &str = "choose a shorter name: until it is whole, the output stands in .NAME.partial beside it";
/// The hint of a disk that fails for a reason of its own.
const LOOK_AT_DISK: &str = "look at the disk or the mount that it is on, then run the same command again";

impl Error {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage { .. } => 2,
            Error::CeilingTooSmall { .. } | Error::LimitTooSmall { .. } => 3,
            Error::CeilingReached { .. }
            | Error::MemoryRefused { .. }
            | Error::ThreadRefused { .. }
            | Error::DictionaryFull { .. }
            | Error::Drifted { .. }
            | Error::Pressure { .. } => 4,
            Error::InputUnreadable { .. } | Error::InputCorrupt { .. } => 5,
            Error::OutputExists { .. } | Error::OutputHeld { .. } | Error::OutputUnwritable { .. } => 6,
            Error::TooManyRejects { .. } => 7,
            Error::LedgerBroken { .. } => 8,
            Error::Stopped { .. } => 75,
            Error::Died { exit, .. } => *exit,
            Error::Unexpected { .. } => 1,
        }
    }

    /// What the reader can do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Usage { hint, .. }
            | Error::InputUnreadable { hint, .. }
            | Error::InputCorrupt { hint, .. }
            | Error::OutputExists { hint, .. }
            | Error::OutputUnwritable { hint, .. }
            | Error::Died { hint, .. } => hint.clone(),
            Error::CeilingTooSmall { smallest, .. } => format!("--memory {} would do", ceiling_flag(*smallest)),
            Error::LimitTooSmall { smallest, available, .. } if *smallest + Bytes::MB <= *available => {
                // What is mapped differs a little from run to run.
                format!("--memory {}MB would do; or raise the limit", available.0 / 1_000_000 - 1)
            }
            Error::LimitTooSmall { needed, smallest, available, .. } => {
                let (least, all) = (ceiling_flag(*smallest - *available), ceiling_flag(*needed - *available));
                if least == all {
                    format!("raise the limit by {all}")
                } else {
                    format!("raise the limit by {all}, or by {least} and take a smaller --memory")
                }
            }
            Error::MemoryRefused { .. } => {
                "the machine, or a limit of the process (ulimit -v, ulimit -d), leaves less than the ceiling: a smaller \
                 --memory, fewer --threads or a higher limit; run again with --resume to keep what is done"
                    .into()
            }
            Error::ThreadRefused { .. } => {
                "a limit of threads (ulimit -u, the pids of a container) or of memory (ulimit -v) is reached: raise it, or \
                 take fewer --threads; run again with --resume to keep what is done"
                    .into()
            }
            Error::CeilingReached { .. } | Error::Pressure { .. } => {
                "a larger --memory, or fewer --threads; run again with --resume to keep what is done".into()
            }
            Error::Drifted { .. } => {
                "this may be a bug of swath; --resume goes on with what is done in a new process, as --isolate does by \
                 itself"
                    .into()
            }
            Error::DictionaryFull { .. } => {
                "a larger --memory, then --resume; or --overwrite, with type = \"string\" for columns with many distinct \
                 values, or with a coarser --partition"
                    .into()
            }
            Error::TooManyRejects { kept_at, example, .. } if example.starts_with("record_too_long") => format!(
                "look at {}: is a quote not closed ([csv] quote = \"\"), or do lines end in carriage returns alone? A \
                 larger --max-record takes longer records",
                kept_at.display()
            ),
            Error::TooManyRejects { kept_at, example, .. } if example.starts_with("field_count") => format!(
                "look at {}; where they stand behind the table or above it, say stop_at or skip_lines in the schema's [csv] \
                 table; else mend the schema, or allow more with --max-rejects",
                kept_at.display()
            ),
            Error::TooManyRejects { kept_at, .. } => {
                format!("look at {}; then mend the schema, or allow more with --max-rejects", kept_at.display())
            }
            Error::OutputHeld { .. } => "wait until it is done, or end it; then run again with --resume".into(),
            Error::Stopped { resumable: true } => "run the same command again with --resume".into(),
            Error::LedgerBroken { .. } => "this is a bug of swath; nothing was written".into(),
            Error::Stopped { resumable: false } => "nothing was kept: run the same command again".into(),
            Error::Unexpected { .. } => String::new(),
        };
        (!hint.is_empty()).then_some(hint)
    }

    /// The same error with another hint, made of the one that it has; errors whose hint is always the same keep it.
    #[must_use]
    pub fn map_hint(mut self, of: impl FnOnce(&str) -> String) -> Error {
        if let Error::Usage { hint, .. }
        | Error::InputUnreadable { hint, .. }
        | Error::InputCorrupt { hint, .. }
        | Error::OutputExists { hint, .. }
        | Error::OutputUnwritable { hint, .. } = &mut self
        {
            *hint = of(hint);
        }
        self
    }

    /// The error for a failed read of `path`.
    pub fn reading(path: &Path, error: &std::io::Error) -> Error {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound if is_address(path) => "only files of this machine are read: fetch it first",
            std::io::ErrorKind::NotFound => "check the path, from the folder that the command runs in",
            std::io::ErrorKind::PermissionDenied => "ask for permission to read it, or run as a user who has it",
            std::io::ErrorKind::IsADirectory => "name a file in it",
            std::io::ErrorKind::NotADirectory => "a part of the path is a file: name a folder there",
            std::io::ErrorKind::InvalidFilename => "check the path: a name in it is longer than file systems allow",
            std::io::ErrorKind::InvalidData => "it has to be text in UTF-8",
            _ => LOOK_AT_DISK,
        };
        Error::InputUnreadable { path: path.into(), reason: plain(error), hint: hint.into() }
    }

    /// The error for a failed write to `path`.
    pub fn writing(path: &Path, error: &std::io::Error) -> Error {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => MAKE_ROOM,
            std::io::ErrorKind::FileTooLarge => ALLOW_LARGER,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => CHOOSE_FOLDER,
            std::io::ErrorKind::NotADirectory => "a part of the path is a file: name a folder there",
            std::io::ErrorKind::IsADirectory => "a folder stands there: choose another name",
            std::io::ErrorKind::InvalidFilename => SHORTER_NAME,
            std::io::ErrorKind::NotFound | std::io::ErrorKind::Unsupported => CHOOSE_FOLDER,
            _ => LOOK_AT_DISK,
        };
        Error::OutputUnwritable { path: path.into(), reason: plain(error), hint: hint.into() }
    }

    /// The error for a failed read of what the run itself had written at `path`.
    pub fn reading_back(path: &Path, error: &std::io::Error) -> Error {
        let reason = format!("what was written cannot be read: {}", plain(error));
        Error::OutputUnwritable { path: path.into(), reason, hint: LOOK_AT_DISK.into() }
    }

    /// The error for a thread that could not be started.
    pub(crate) fn no_thread(error: &std::io::Error) -> Error {
        Error::ThreadRefused { reason: plain(error) }
    }

    /// The error for something that should not happen.
    pub fn unexpected(message: impl Into<String>) -> Error {
        Error::Unexpected { message: message.into() }
    }
}

/// A ceiling as a user would type it, rounded up to whole MB.
fn ceiling_flag(bytes: Bytes) -> String {
    format!("{}MB", bytes.0.div_ceil(1_000_000))
}

/// The system's words without the number that Rust appends.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage { message, .. }
            | Error::LedgerBroken { message }
            | Error::Died { message, .. }
            | Error::Unexpected { message } => f.write_str(message),
            Error::CeilingTooSmall { what, ceiling, smallest, mostly } => {
                write!(f, "{what} needs {smallest}, the ceiling is {ceiling}")?;
                if mostly.is_empty() { Ok(()) } else { write!(f, " ({mostly})") }
            }
            Error::CeilingReached { what, wanted, got } => {
                write!(f, "{what} asked for {wanted} of memory, {got} was left under the ceiling")
            }
            Error::Pressure { what, wanted, got } => {
                write!(f, "{what} asked for {wanted} of memory, its task had {got}")
            }
            Error::LimitTooSmall { what, needed, available, limit, .. } => {
                write!(f, "{what} needs {needed} of memory, and the {limit} leaves {available}")
            }
            Error::MemoryRefused { what, wanted } => {
                write!(f, "the system refused {wanted} of memory for {what}, though the ceiling allows it")
            }
            Error::ThreadRefused { reason } => write!(f, "a thread could not be started: {reason}"),
            Error::DictionaryFull { what, distinct, limit } => {
                write!(
                    f,
                    "{what} have more than {distinct} distinct values: their dictionary takes {limit}, and the ceiling \
                     leaves no more"
                )
            }
            Error::Drifted { grown, limit, tasks, live, slack, files } => {
                write!(
                    f,
                    "the process grew by {grown} over {tasks} tasks, and --drift-limit is {limit}: {live} live on the heap, \
                     {slack} is kept by the allocator, {files} more files are open"
                )
            }
            Error::InputUnreadable { path, reason, .. } => write!(f, "cannot read {}: {reason}", path.display()),
            Error::InputCorrupt { place, message, .. } => write!(f, "{place}: {message}"),
            Error::OutputExists { path, message, .. } => write!(f, "{}: {message}", path.display()),
            Error::OutputHeld { path, process } => {
                write!(f, "{}: another run is writing it", path.display())?;
                process.map_or(Ok(()), |process| write!(f, ", process {process}"))
            }
            Error::OutputUnwritable { path, reason, .. } => write!(f, "cannot write {}: {reason}", path.display()),
            Error::TooManyRejects { rejected, read, limit, example, .. } => {
                write!(
                    f,
                    "{rejected} of {read} rows were rejected, more than --max-rejects {limit}; most often: {example}"
                )
            }
            Error::Stopped { .. } => f.write_str("stopped by a signal"),
        }
    }
}

impl std::error::Error for Error {}
