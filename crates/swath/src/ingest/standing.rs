//! What stands at the final path already: whether it may be replaced, and whether it is what is asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use swath_core::{Error, Fnv64, Result, Stop, difference};
use swath_table::schema_file::{self, Notes};

use super::commit::META;
use super::job::Job;
use super::prepare;
use crate::info::manifest::{self, Manifest};

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
/// [`Error::Usage`] when it is, or holds, one of the inputs; [`Error::OutputExists`] when it is a link, neither a lake
/// nor an empty folder, or a lake in which somebody keeps something.
pub fn may_be_replaced(job: &Job) -> Result<()> {
    let output = &job.output;
    let refuse =
        |message: String, hint: &str| Err(Error::OutputExists { path: output.clone(), message, hint: hint.into() });
    // With a slash at its end, a name of a link would mean what it leads to.
    let is_link = output.components().collect::<PathBuf>().symlink_metadata().is_ok_and(|link| link.is_symlink());
    let Ok(there) = std::fs::canonicalize(output) else {
        return match is_link {
            true => refuse("a link that leads nowhere stands there".into(), "remove the link, or name another place"),
            false => Ok(()),
        };
    };
    holds_no_input(job, &there)?;
    if is_link {
        let message = format!("a link to {} stands there", there.display());
        return refuse(message, "name the folder that it leads to: the link itself would be replaced");
    }
    if std::fs::read_dir(&there).is_ok_and(|mut entries| entries.next().is_none()) {
        return Ok(());
    }
    let only = "only a lake or an empty folder is replaced: move it away, or name another place";
    let manifest = match manifest::read(&there) {
        Some(Ok(manifest)) => manifest,
        Some(Err(reason)) => return refuse(format!("what stands there is no lake: {reason}"), only),
        None => return refuse("what stands there is no lake".into(), only),
    };
    match foreign(&there, &manifest)? {
        None => Ok(()),
        Some(foreign) => refuse(
            format!("{} in it is not of the lake", foreign.display()),
            "replacing the lake would remove it: move it away, or name another place",
        ),
    }
}

/// Refuses an output that is, or holds, one of the inputs.
///
/// # Errors
/// [`Error::Usage`].
pub fn holds_no_input(job: &Job, there: &Path) -> Result<()> {
    for file in &job.files {
        if std::fs::canonicalize(&file.path).is_ok_and(|input| input.starts_with(there)) {
            return Err(Error::Usage {
                message: format!("the output {} would replace the input {}", job.output.display(), file.path.display()),
                hint: "name a place for the lake that holds no input".into(),
            });
        }
    }
    Ok(())
}

/// Something in a lake that no run put there, by its path in the lake.
fn foreign(lake: &Path, manifest: &Manifest) -> Result<Option<PathBuf>> {
    let mut own: HashSet<PathBuf> = [META.into()].into();
    own.extend(["manifest.json", "rejects.ndjson"].map(|name| Path::new(META).join(name)));
    for entry in &manifest.files {
        own.extend(entry.path.ancestors().filter(|path| !path.as_os_str().is_empty()).map(PathBuf::from));
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = lake.join(&folder);
        let failed = |error: std::io::Error| Error::writing(&path, &error);
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let below = folder.join(entry.file_name());
            if !own.contains(&below) {
                return Ok(Some(below));
            }
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(below);
            }
        }
    }
    Ok(None)
}

/// The manifest of the lake that a resumed run finds at its end, if it is the one that it would make, with all of its
/// files.
///
/// # Errors
/// [`Error::OutputExists`] that says in what it differs.
pub fn is_asked_for(job: &Job, lake: &Path) -> Result<Manifest> {
    let path = lake.join(META).join("manifest.json");
    let refuse = |difference: String| Error::OutputExists {
        path: lake.into(),
        message: format!("there is nothing to resume, and it is not what is asked for: {difference}"),
        hint: "--overwrite instead of --resume replaces it once the new lake is complete".into(),
    };
    let manifest = match manifest::read(lake) {
        None => return Err(refuse("it is no lake".into())),
        Some(Err(_)) => return Err(refuse(format!("{} cannot be read", path.display()))),
        Some(Ok(manifest)) => manifest,
    };
    let was = json!({
        "created_by": manifest.created_by,
        "options": manifest.options,
        "schema": manifest.schema,
        "inputs": manifest.inputs,
    });
    let is = json!({
        "created_by": format!("swath {}", env!("CARGO_PKG_VERSION")),
        "options": options(job),
        "schema": schema_file::write(&job.input_schema, &Notes::default()),
        "inputs": inputs(job),
    });
    if let Some(difference) = difference(&was, &is) {
        return Err(refuse(difference));
    }
    let made =
        std::fs::metadata(&path).and_then(|there| there.modified()).map_err(|error| Error::reading(&path, &error))?;
    let made = made.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
    if let Some(file) = job.files.iter().find(|file| file.mtime_ns > made) {
        return Err(refuse(format!("{} was changed after it was made", file.path.display())));
    }
    match manifest::check(lake, &manifest, &Stop::new())?.faults.into_iter().next() {
        None => Ok(manifest),
        Some(fault) => Err(refuse(fault)),
    }
}
