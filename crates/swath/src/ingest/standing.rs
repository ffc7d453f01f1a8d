//! What stands at the final path already: whether it may be replaced, and whether it is what is asked for.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Value, json};
use swath_core::{Error, Fnv64, Result, difference};
use swath_table::schema_file::{self, Notes};

use super::commit::META;
use super::job::Job;
use super::prepare;

/// What the manifest tells of the options: all that the output depends on but the schema, which it tells by itself.
pub fn options(job: &Job) -> Value {
    let mut options = prepare::identity(job, None)["options"].take();
    if let Some(options) = options.as_object_mut() {
        options.retain(|name, _| name != "schema" && name != "tmp_dir");
    }
    options
}

/// What the manifest tells of the inputs; the digest is of names, sizes and both ends, and so the same on any machine.
pub fn inputs(job: &Job) -> Value {
    let mut digest = Fnv64::default();
    for file in &job.files {
        digest.update(file.path.file_name().unwrap_or_default().as_encoded_bytes());
        digest.update(&[0]);
        digest.update(&file.size.to_le_bytes());
        digest.update(&file.ends.to_le_bytes());
    }
    json!({"files": job.files.len(), "bytes": job.stream.bytes(), "digest": format!("{:016x}", digest.finish())})
}

/// Whether what stands at the final path, if anything does, may be replaced.
///
/// # Errors
/// [`Error::Usage`] when it is, or holds, one of the inputs; [`Error::OutputExists`] when it is neither a lake nor an
/// empty folder.
pub fn may_be_replaced(job: &Job) -> Result<()> {
    let output = &job.output;
    let Ok(there) = std::fs::canonicalize(output) else { return Ok(()) };
    for file in &job.files {
        if std::fs::canonicalize(&file.path).is_ok_and(|input| input.starts_with(&there)) {
            return Err(Error::Usage {
                message: format!("the output {} would replace the input {}", output.display(), file.path.display()),
                hint: "name a place for the lake that holds no input".into(),
            });
        }
    }
    let is_lake = there.join(META).join("manifest.json").is_file();
    let is_empty = || std::fs::read_dir(&there).is_ok_and(|mut entries| entries.next().is_none());
    if is_lake || is_empty() {
        return Ok(());
    }
    Err(Error::OutputExists {
        path: output.clone(),
        message: "what stands there is no lake".into(),
        hint: "only a lake or an empty folder is replaced: move it away, or name another place".into(),
    })
}

/// Whether the lake that a resumed run finds at its end is the one that it would make.
///
/// # Errors
/// [`Error::OutputExists`] that says in what it differs.
pub fn is_asked_for(job: &Job, lake: &Path) -> Result<()> {
    let path = lake.join(META).join("manifest.json");
    let refuse = |difference: String| Error::OutputExists {
        path: lake.into(),
        message: format!("there is nothing to resume, and it is not what is asked for: {difference}"),
        hint: "--overwrite instead of --resume replaces it once the new lake is complete".into(),
    };
    let text = match std::fs::read(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(refuse("it is no lake".into()));
        }
        other => other.map_err(|error| Error::reading(&path, &error))?,
    };
    let manifest: Value =
        serde_json::from_slice(&text).map_err(|_| refuse(format!("{} cannot be read", path.display())))?;
    let part = |name: &str| manifest.get(name).cloned().unwrap_or(Value::Null);
    let was = json!({
        "created_by": part("created_by"), "options": part("options"), "schema": part("schema"), "inputs": part("inputs"),
    });
    let is = json!({
        "created_by": format!("swath {}", env!("CARGO_PKG_VERSION")),
        "options": options(job),
        "schema": schema_file::write(&job.schema, &Notes::default()),
        "inputs": inputs(job),
    });
    if let Some(difference) = difference(&was, &is) {
        return Err(refuse(difference));
    }
    let made =
        std::fs::metadata(&path).and_then(|there| there.modified()).map_err(|error| Error::reading(&path, &error))?;
    let made = made.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
    match job.files.iter().find(|file| file.mtime_ns > made) {
        None => Ok(()),
        Some(file) => Err(refuse(format!("{} was changed after it was made", file.path.display()))),
    }
}
