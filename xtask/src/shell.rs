//! Where things are, and how other programs are run. It decides nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the repository.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The program under test.
pub fn program() -> PathBuf {
    target().join("release").join(format!("swath{}", std::env::consts::EXE_SUFFIX))
}

/// The folder of real files, where there is one.
pub fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("SWATH_CORPUS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root().join("../shared/corpus"));
    folder.join("telemetry").is_dir().then(|| folder.canonicalize().unwrap_or(folder))
}

/// Whether nothing may be skipped for want of a tool.
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Cargo, in the root of the repository, without anything to read from.
pub fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs to the end, its output passing through; answers whether it went well.
pub fn succeeds(command: &mut Command) -> Result<bool, String> {
    let status = command.status().map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
    Ok(status.success())
}

/// Runs to the end and answers its standard output, or its standard error when it failed.
pub fn output_of(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// A line that stands out between the outputs of other programs.
pub fn heading(text: &str) {
    println!("\n==> {text}");
}
