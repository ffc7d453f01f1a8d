//! What surrounds a run: special files, odd names, configuration, signals and limits of the process.
#![cfg(unix)]
#![allow(clippy::expect_used, missing_docs)]

#[allow(dead_code)]
mod common;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::Folder;

/// Runs a command that must come to its end soon; one that hangs is ended and fails the test.
#[track_caller]
fn run_soon(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let begun = Instant::now();
    while child.try_wait().expect("asked").is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            child.kill().expect("killed");
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("ends")
}

fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// To open a pipe is to wait for its writer, so nothing that is no regular file is opened, unless somebody names a pipe.
#[test]
fn special_files_are_refused_at_once() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    assert!(Command::new("mkfifo").arg(folder.path().join("in/pipe.csv")).status().expect("mkfifo").success());
    let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket.csv")).expect("a socket");
    for (source, kind) in [
        ("in", "a named pipe"),
        ("in/*.csv", "a named pipe"),
        ("readings.csv in", "a named pipe"),
        ("socket.csv", "a socket"),
        ("/dev/null", "a device"),
    ] {
        for line in [
            format!("sensor ingest {source} -o lake -m 64MB"),
            format!("sensor schema {source}"),
            format!("info {source}"),
        ] {
            let output = run_soon(folder.command(&line));
            let error = error_of(&output);
            assert_eq!(output.status.code(), Some(5), "{line}: {error}");
            assert!(error.contains(&format!("it is {kind}, not a regular file")), "{line}: {error}");
        }
    }
}

/// Names on Linux are bytes: one that is no UTF-8 is read, told of, and told apart from another one.
#[test]
#[cfg(target_os = "linux")]
fn names_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let named = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    std::fs::write(named(b"in/z\xff.csv"), common::READINGS).expect("written");
    for source in [named(b"in"), named(b"in/z\xff.csv")] {
        for (line, count) in [
            ("sensor ingest -o lake -m 64MB --overwrite --json", "/rows/read"),
            ("sensor ingest -o lake -m 64MB --explain --json", "/input/files"),
            ("info --json", "/items/0/rows/value"),
            ("sensor schema --json", "/exit"),
        ] {
            let output = folder.command(line).arg(&source).output().expect("runs");
            assert_eq!(output.status.code(), Some(0), "{line} {source:?}: {}", error_of(&output));
            let result: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert!(result.pointer(count).is_some_and(serde_json::Value::is_number), "{line} {source:?}: {result}");
        }
    }
    // The output and the scratch may have such names, too.
    let mut command = folder.command("sensor ingest readings.csv -m 64MB --json -o");
    let output = command.arg(named(b"lake\xff")).arg("--tmp-dir").arg(named(b"tmp\xff")).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", error_of(&output));
    assert!(named(b"lake\xff/_swath/manifest.json").is_file());
    let mut command = folder.command("sensor ingest readings.csv -m 64MB -o other --json");
    let output = command.env("SWATH_TMPDIR", named(b"set\xff")).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", error_of(&output));
    assert!(named(b"set\xff").is_dir());
}

/// A configuration that nobody named and that cannot be reached is none; one that was named must be there.
#[test]
fn configuration_out_of_reach() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let run = |variable: &str, value: &str| {
        let output = folder.command("doctor").env(variable, value).output().expect("runs");
        (output.status.code(), error_of(&output))
    };
    folder.write("file", b"");
    assert_eq!(run("HOME", "file").0, Some(0), "a home that is no folder");
    assert_eq!(run("SWATH_CONFIG", "file/config.toml").0, Some(5));
    std::fs::create_dir_all(folder.path().join(".config/swath")).expect("a folder");
    folder.write(".config/swath/config.toml", b"memory = \"64MB\"\n");
    let set = |mode| {
        let closed = folder.path().join(".config");
        std::fs::set_permissions(closed, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    set(0o000);
    let (reached, unnamed, named) = (
        std::fs::read(folder.path().join(".config/swath/config.toml")).is_ok(),
        run("UNUSED", ""),
        run("SWATH_CONFIG", ".config/swath/config.toml"),
    );
    set(0o700);
    if reached {
        swath_testkit::skipped("a configuration without permission", "this user may read everything");
        return;
    }
    assert_eq!(unnamed.0, Some(0), "{}", unnamed.1);
    assert_eq!(named.0, Some(5), "{}", named.1);
}

/// Runs the program as what a shell becomes after some words of its own.
fn after(folder: &Folder, words: &str, line: &str) -> Command {
    let program = folder.command(line);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{words}; exec \"$0\" \"$@\"")]).arg(program.get_program()).args(program.get_args());
    shell.current_dir(folder.path()).env_clear().env("HOME", folder.path()).stdin(Stdio::null());
    shell
}

/// Ends a run with a hangup once it has begun to write, and answers how it ended.
fn hang_up(folder: &Folder, words: &str) -> Option<i32> {
    let partial = folder.path().join("big.csv.partial");
    let mut command = after(folder, words, "synth telemetry --size 60MB -o big.csv --overwrite -q");
    let mut child = command.spawn().expect("starts");
    while std::fs::metadata(&partial).map_or(0, |file| file.len()) == 0 {
        assert!(child.try_wait().expect("asked").is_none(), "it ended before it wrote anything");
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().expect("kill").success());
    child.wait().expect("ends").code()
}

#[test]
fn a_hangup_stops_like_other_signals_unless_it_is_ignored() {
    let folder = Folder::new();
    assert_eq!(hang_up(&folder, "trap '' HUP"), Some(0), "as nohup starts it");
    let ignored = std::fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
    });
    if ignored {
        swath_testkit::skipped("a hangup", "these tests were started with it ignored");
        return;
    }
    assert_eq!(hang_up(&folder, ":"), Some(75));
}

/// The shell counts `ulimit -f` in blocks of 512 or 1024 bytes.
#[test]
fn a_file_beyond_the_limit_of_the_process_is_an_output_that_cannot_be_written() {
    let folder = Folder::new();
    for line in ["sensor ingest big.csv -o lake -m 40MB --json", "synth telemetry --size 3MB -o other.csv --json"] {
        if line.contains("big.csv") {
            assert!(folder.run("synth telemetry --size 20MB -o big.csv -q").status.success());
        }
        let output = run_soon(after(&folder, "ulimit -f 1000", line));
        let error = error_of(&output);
        assert_eq!(output.status.code(), Some(6), "{line}: {:?} {error}", output.status);
        assert!(error.contains("File too large") && error.contains("ulimit -f"), "{line}: {error}");
        assert!(!folder.path().join("lake").exists() && !folder.path().join("other.csv").exists());
    }
}

#[test]
fn counts_never_replace_what_they_count() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("sub")).expect("a folder");
    std::os::unix::fs::symlink("z.csv", folder.path().join("link.json")).expect("a link");
    for truth in ["z.csv", "./z.csv", "sub/../z.csv", "link.json"] {
        for flag in ["", "--overwrite"] {
            folder.write("z.csv", b"before");
            let output = folder.run(&format!("synth telemetry --rows 10 -o z.csv --truth {truth} {flag}"));
            assert_eq!(output.status.code(), Some(2), "{truth} {flag}: {}", error_of(&output));
            assert_eq!(std::fs::read(folder.path().join("z.csv")).expect("there"), b"before");
        }
    }
    assert!(folder.run("synth telemetry --rows 10 -o sub/z.csv --truth z.json").status.success());
    let output = folder.run("synth telemetry --rows 10 -o y.csv --truth sub/../y.csv");
    assert_eq!(output.status.code(), Some(2), "{}", error_of(&output));
}

#[test]
fn readings_are_not_shown_without_their_counts() {
    let folder = Folder::new();
    let output = folder.run("synth telemetry --rows 10 -o y.csv --truth none/counts.json");
    assert_eq!(output.status.code(), Some(6), "{}", error_of(&output));
    assert!(error_of(&output).contains("none/counts.json"), "{}", error_of(&output));
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.path()).collect();
    assert!(!folder.path().join("y.csv").exists() && !folder.path().join("y.csv.partial").exists(), "{left:?}");
}

/// Verbs that make no plan are held to the ceiling, too.
#[test]
fn a_ceiling_that_looking_does_not_fit_into_is_refused() {
    let folder = Folder::new();
    folder.write("readings.csv", b"id,time\na,2025-03-01\nb,2025-03-02\n");
    for line in ["sensor schema readings.csv", "info readings.csv", "synth telemetry --rows 10 -o z.csv"] {
        let output = folder.run(&format!("{line} -m 10MB"));
        assert_eq!(output.status.code(), Some(3), "{line}: {}", error_of(&output));
        assert!(error_of(&output).contains("hint: --memory"), "{line}: {}", error_of(&output));
        let output = folder.run(&format!("{line} -m 16MB"));
        assert_eq!(output.status.code(), Some(0), "{line}: {}", error_of(&output));
    }
}

#[test]
fn an_empty_argument_is_told_as_one() {
    let folder = Folder::new();
    for verb in ["sensor ingest -o lake", "sensor schema", "info"] {
        let output = folder.command(verb).arg("").output().expect("runs");
        let error = error_of(&output);
        assert_eq!(output.status.code(), Some(2), "{verb}: {error}");
        assert!(error.contains("an argument is empty") && error.contains("hint: "), "{verb}: {error}");
    }
}

/// A link back into a folder above is not followed; other links are.
#[test]
fn folders_that_contain_themselves() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("in/deep")).expect("folders");
    std::fs::create_dir(at("elsewhere")).expect("a folder");
    folder.write("in/deep/a.csv", common::READINGS.as_bytes());
    folder.write("elsewhere/b.csv", common::READINGS.as_bytes());
    for (to, name) in [(".", "in/l"), ("..", "in/deep/up"), ("../elsewhere", "in/other")] {
        std::os::unix::fs::symlink(to, at(name)).expect("a link");
    }
    let output = folder.run("sensor ingest in -o lake -m 64MB --explain --json");
    assert_eq!(output.status.code(), Some(0), "{}", error_of(&output));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(plan["input"]["files"], 2, "{plan}");
}

#[test]
fn a_log_for_programs_has_no_bar_in_it() {
    let folder = Folder::new();
    let output = folder.run("sensor ingest readings.csv -o lake -m 64MB --progress always --log json");
    assert_eq!(output.status.code(), Some(0), "{}", error_of(&output));
    for line in error_of(&output).lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line:?}");
    }
    assert!(error_of(&folder.run("sensor ingest readings.csv -o text -m 64MB --progress always")).contains("\u{1b}["));
}

/// The shell counts `ulimit -v` and `ulimit -d` in blocks of 1024 bytes; addresses are more than what is resident.
#[test]
#[cfg(target_os = "linux")]
fn limits_on_addresses_bound_the_plan() {
    let folder = Folder::new();
    assert!(folder.run("synth telemetry --size 80MB -o big.csv -q").status.success());
    let line = "sensor ingest big.csv -o lake --overwrite --json";
    let run = |limit: &str, flags: &str| {
        let output = run_soon(after(&folder, &format!("ulimit {limit}"), &format!("{line} {flags}")));
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), result["error"].clone())
    };
    for limit in ["-v 300000", "-v 700000", "-v 1200000", "-d 200000", "-d 1200000"] {
        for flags in ["-m auto", "-m auto -j 8", "-m 50%", "-m 45MB"] {
            let (code, error) = run(limit, flags);
            assert_eq!(code, Some(0), "{limit} {flags}: {error}");
        }
    }
    let (code, error) = run("-v 230000", "-m 256MB");
    assert_eq!(code, Some(3), "{error}");
    assert!(error["message"].as_str().expect("words").contains("ulimit -v"), "{error}");
    let hint = error["hint"].as_str().expect("a hint");
    let enough = hint.split(' ').nth(1).filter(|_| hint.starts_with("--memory ")).expect(hint);
    assert_eq!(run("-v 230000", &format!("-m {enough}")).0, Some(0), "{hint}");
    for flags in ["-m auto", "-m 256MB", "-m 30MB"] {
        let (code, error) = run("-v 100000", flags);
        assert_eq!(code, Some(3), "{flags}: {error}");
        assert!(error["hint"].as_str().expect("a hint").starts_with("raise the limit by"), "{flags}: {error}");
    }
}
