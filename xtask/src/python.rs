//! The virtual environment of the oracles: found, made once, and made anew when the pins or the Python change.

use crate::shell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest Python that the pins install on.
const OLDEST: (u32, u32) = (3, 11);
/// Names to look for, on the path and then where pyenv keeps what it installed. Those that the newer pins install on come
/// first: with others some oracles cannot tell.
const NAMES: [&str; 5] = ["python3.13", "python3.12", "python3.14", "python3.11", "python3"];

/// The interpreter of the environment, with all pins installed.
///
/// # Errors
/// What is missing, in words for the report.
pub fn ready() -> Result<PathBuf, String> {
    let (base, version) = find().ok_or("no Python 3.11 or newer on the path or of pyenv")?;
    let folder = shell::target().join("oracles-venv");
    let pins = shell::root().join("tests/oracles/requirements.txt");
    let wanted = std::fs::read_to_string(&pins).map_err(|error| format!("{}: {error}", pins.display()))?;
    let stamp = format!("{version}\n{wanted}");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let seal = folder.join("swath-pins.txt");
    if std::fs::read_to_string(&seal).is_ok_and(|sealed| sealed == stamp) && python.exists() {
        return Ok(python);
    }
    println!("making {} with {version}", folder.display());
    let _ = std::fs::remove_dir_all(&folder);
    let mut make = Command::new(&base);
    make.args(["-m", "venv"]).arg(&folder).stdin(Stdio::null());
    shell::output_of(&mut make).map_err(|error| format!("{} -m venv failed: {error}", base.display()))?;
    install(&python, &pins)?;
    // Written last: an environment that was interrupted half way is made anew.
    std::fs::write(&seal, stamp).map_err(|error| format!("{}: {error}", seal.display()))?;
    Ok(python)
}

/// The interpreter of the environment, if it was made before; never makes one.
pub fn existing() -> Option<PathBuf> {
    let folder = shell::target().join("oracles-venv");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    (python.exists() && folder.join("swath-pins.txt").exists()).then_some(python)
}

fn install(python: &Path, pins: &Path) -> Result<(), String> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:"]);
    pip.arg("--requirement").arg(pins).stdin(Stdio::null());
    shell::output_of(&mut pip).map(|_| ()).map_err(|error| format!("pip install failed: {error}"))
}

/// The first interpreter that can make an environment, with its version.
fn find() -> Option<(PathBuf, String)> {
    NAMES.iter().flat_map(|name| std::iter::once(PathBuf::from(name)).chain(of_pyenv(name))).find_map(|program| {
        // A name may be a stand-in that answers for no installed version, so it is asked rather than looked up.
        let mut ask = Command::new(&program);
        ask.args(["-c", "import sys, venv, ensurepip; print(*sys.version_info[:3])"]);
        let answer = shell::output_of(ask.stdin(Stdio::null())).ok()?;
        let mut numbers = answer.split_whitespace().map_while(|word| word.parse::<u32>().ok());
        let version = (numbers.next()?, numbers.next()?);
        (version >= OLDEST).then(|| (program, format!("Python {}", answer.trim().replace(' ', "."))))
    })
}

/// Programs of that name that pyenv has installed: those that it was not told to use are on the path as stand-ins only.
fn of_pyenv(name: &str) -> Vec<PathBuf> {
    let at_home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv"));
    let Some(root) = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(at_home) else { return Vec::new() };
    let versions = std::fs::read_dir(root.join("versions")).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(name)).filter(|program| program.is_file()).collect();
    found.sort();
    found
}
