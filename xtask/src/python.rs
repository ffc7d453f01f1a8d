//! The virtual environment of the oracles: found, made once, and made anew when the pins or the Python change.

use crate::shell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest Python that the pins install on.
const OLDEST: (u32, u32) = (3, 11);
/// Names to look for; newer releases first, since the newest pins want them.
const NAMES: [&str; 5] = ["python3.13", "python3.12", "python3.14", "python3.11", "python3"];

/// The interpreter of the environment, with all pins installed.
///
/// # Errors
/// What is missing, in words for the report.
pub fn ready() -> Result<PathBuf, String> {
    let (base, version) = find().ok_or("no Python 3.11 or newer on the path")?;
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
    shell::output_of(&mut make).map_err(|error| format!("{base} -m venv failed: {error}"))?;
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

fn find() -> Option<(String, String)> {
    NAMES.iter().find_map(|name| {
        // A name may be a stand-in that answers for no installed version, so it is asked rather than looked up.
        let mut ask = Command::new(name);
        ask.args(["-c", "import sys, venv, ensurepip; print(*sys.version_info[:3])"]);
        let answer = shell::output_of(ask.stdin(Stdio::null())).ok()?;
        let mut numbers = answer.split_whitespace().map_while(|word| word.parse::<u32>().ok());
        let version = (numbers.next()?, numbers.next()?);
        (version >= OLDEST).then(|| ((*name).to_string(), format!("Python {}", answer.trim().replace(' ', "."))))
    })
}
