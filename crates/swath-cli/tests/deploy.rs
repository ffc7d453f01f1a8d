//! What stands in `deploy/` is true of this program: exit codes, limits, words, versions. And what a service manager hears.
//!
//! Whether the files please the tools they are made for, those tools say (`deploy/check`).
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use swath::batch::{BatchOutcome, JobCounts};
use swath_core::{Bytes, Error, Limits, MemoryRequest, Place};
use swath_testkit::Folder;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> String {
    let path = root().join("deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const UNIT: &str = "systemd/swath-batch@.service";
const MANIFESTS: [&str; 2] = ["kubernetes/job.yaml", "kubernetes/cronjob.yaml"];

/// The settings of a unit, in order, each with its section.
fn settings(unit: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => section = name.into(),
            None => {
                let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
                assert!(!section.is_empty(), "{line} is in no section");
                found.push((section.clone(), key.into(), value.into()));
            }
        }
    }
    found
}

/// The only value of a setting of the service.
fn service(key: &str) -> String {
    let settings = settings(&read(UNIT));
    let mut values = settings.iter().filter(|(section, name, _)| section == "Service" && name == key);
    match (values.next(), values.next()) {
        (Some((_, _, value)), None) => value.clone(),
        found => panic!("{key} is there once: {found:?}"),
    }
}

/// What stands between brackets behind a name, in order of the file: `name: [a, b]`.
fn lists<'a>(manifest: &'a str, name: &str) -> Vec<Vec<&'a str>> {
    let list = |line: &'a str| line.trim().strip_prefix(name)?.strip_prefix(": [")?.strip_suffix(']');
    manifest.lines().filter_map(list).map(|list| list.split(", ").collect()).collect()
}

fn codes(words: &[&str]) -> Vec<u8> {
    words.iter().map(|word| word.parse().unwrap_or_else(|_| panic!("no exit code: {word}"))).collect()
}

/// Exit codes of ends that come out the same when they are tried again.
fn ends_for_good() -> Vec<u8> {
    let (path, message, hint) = (PathBuf::new(), String::new(), String::new());
    let aside = BatchOutcome { jobs: JobCounts { set_aside: 1, ..JobCounts::default() }, ..BatchOutcome::default() };
    let errors = [
        Error::Usage { message: message.clone(), hint: hint.clone() },
        Error::CeilingTooSmall { what: String::new(), ceiling: Bytes(1), smallest: Bytes(2), mostly: String::new() },
        Error::InputUnreadable { path: path.clone(), reason: message.clone(), hint: hint.clone() },
        Error::InputCorrupt { place: Place::default(), message: message.clone(), hint },
        Error::TooManyRejects { rejected: 2, read: 2, limit: String::new(), kept_at: path, example: String::new() },
        Error::LedgerBroken { message },
    ];
    let codes = errors.iter().map(Error::exit_code).chain([aside.exit_code()]);
    codes.collect::<BTreeSet<u8>>().into_iter().collect()
}

fn stopped() -> u8 {
    Error::Stopped { resumable: true }.exit_code()
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let of = |key: &str| codes(&service(key).split(' ').collect::<Vec<_>>());
    assert_eq!(of("SuccessExitStatus"), [stopped()]);
    assert_eq!(of("RestartForceExitStatus"), [stopped()]);
    assert_eq!(of("RestartPreventExitStatus"), ends_for_good());
    for manifest in MANIFESTS {
        let text = read(manifest);
        let actions: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("- action: ")).collect();
        assert_eq!(actions, ["FailJob", "Ignore", "Ignore", "Count"], "{manifest}");
        let values: Vec<Vec<u8>> = lists(&text, "values").iter().map(|values| codes(values)).collect();
        assert_eq!(values, [ends_for_good(), vec![stopped()], vec![137]], "{manifest}");
    }
}

#[test]
fn the_page_says_what_the_files_say() {
    let page = read("README.md");
    for code in (0..=9).chain([stopped(), 137]) {
        let row = page.lines().find(|line| line.starts_with(&format!("| {code} |")));
        let row = row.unwrap_or_else(|| panic!("the page has no row for {code}"));
        let fails = ends_for_good().contains(&code);
        assert_eq!(row.ends_with("| fails | fails |"), fails, "{row}");
    }
    let files = ["systemd", "kubernetes", "prometheus"].iter().flat_map(|folder| {
        let folder = root().join("deploy").join(folder);
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name())
    });
    for name in files {
        let name = name.to_str().expect("text");
        assert!(page.contains(name), "the page does not speak of {name}");
    }
}

/// A machine with 64 GB and a process in a group with these limits.
fn ceiling(files: &[(&str, u64)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    write("proc/self/status", "VmRSS:\t0 kB\n");
    write("proc/meminfo", "MemTotal: 64000000 kB\nMemAvailable: 60000000 kB\n");
    write("proc/self/cgroup", "0::/system.slice/x\n");
    write("proc/self/mountinfo", "25 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    for (name, bytes) in files {
        write(&format!("sys/fs/cgroup/system.slice/x/{name}"), &format!("{bytes}\n"));
    }
    MemoryRequest::Auto.resolve(&Limits::detect_in(folder.path(), None)).to_string()
}

#[test]
fn auto_comes_to_what_is_said_of_it() {
    let of_unit = |key: &str| {
        let value = service(key);
        let (number, scale) = value.split_at(value.len() - 1);
        let scale = match scale {
            "M" => 1 << 20,
            "G" => 1 << 30,
            other => panic!("{other:?} is no unit"),
        };
        number.parse::<u64>().expect("a number") * scale
    };
    let (high, max) = (of_unit("MemoryHigh"), of_unit("MemoryMax"));
    assert!(high < max);
    let unit = ceiling(&[("memory.high", high), ("memory.max", max)]);
    assert!(read(UNIT).contains(&unit), "{unit}");
    let container = ceiling(&[("memory.max", 4 << 30)]);
    for manifest in MANIFESTS {
        let text = read(manifest);
        assert_eq!(text.matches("memory: 4Gi").count(), 2, "{manifest}: what is asked for is what is allowed");
        assert!(text.contains(&container), "{manifest}: {container}");
    }
    let page = read("README.md");
    assert!(page.contains(&unit) && page.contains(&container), "{unit} {container}");
}

#[test]
fn versions_are_those_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(&format!("image.version=\"{version}\"")));
    let rust = dockerfile.lines().find_map(|line| line.strip_prefix("FROM rust:")).expect("a builder");
    assert!(rust.starts_with(&format!("{}.", env!("CARGO_PKG_RUST_VERSION"))), "{rust}");
    assert!(dockerfile.lines().any(|line| line == "USER 65532:65532"));
    for manifest in MANIFESTS {
        assert!(read(manifest).contains(&format!("/swath:{version}\n")), "{manifest}");
    }
    let ignored = std::fs::read_to_string(root().join(".dockerignore")).expect("it is there");
    let kept: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let copied = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY LICENSE-MIT "));
    let wanted = copied.flat_map(|line| line.split(' ')).filter(|name| !name.starts_with('/'));
    for name in wanted.chain(["Cargo.toml", "Cargo.lock", "crates", "xtask", "LICENSE-MIT"]) {
        assert!(kept.contains(&name), "{name} does not get into the context");
    }
    for name in kept {
        assert!(root().join(name).exists(), "{name} is not there");
    }
}

/// The metrics of a rule come from kube-state-metrics and the kubelet, since the program has none.
#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let text = read("prometheus/swath.rules.yaml");
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.contains('_'));
    for word in words.filter(|word| !["job_name", "set_aside", "histogram_quantile"].contains(word)) {
        // Those of swath are served: suite_dashboard holds them against it.
        let known = ["kube_job_", "kube_cronjob_", "kube_pod_", "container_memory_", "swath_"];
        assert!(known.iter().any(|start| word.starts_with(start)), "{word}");
    }
}

/// Inputs of the jobs of the ConfigMap, as they are in the first or in a later night.
fn inputs(folder: &Folder, night: u32) {
    std::fs::create_dir_all(folder.at("input")).expect("made");
    folder.telemetry(&format!("input/t{night}.csv"), &format!("--rows 2000 --sensors 20 --seed {night}"));
    for band in ["b8", "b4"] {
        let line = format!("synth raster -o input/{band}.tif --size 200x200 --seed {night} -m 100MB -q --overwrite");
        folder.run(&line).expect(&[0]);
    }
}

/// The words of a manifest, with its folders in that of the test.
fn arguments(manifest: &str, folder: &Folder) -> Vec<String> {
    let text = read(manifest);
    let [words] = &lists(&text, "args")[..] else { panic!("{manifest}: one list of words") };
    words.iter().map(|word| here(word, folder)).collect()
}

fn here(text: &str, folder: &Folder) -> String {
    let path = |name: &str| folder.at(name).display().to_string();
    text.replace("/input", &path("input")).replace("/data", &path("data"))
}

/// The file of jobs of the ConfigMap.
fn jobs(folder: &Folder) -> String {
    let text = read(MANIFESTS[1]);
    let (_, below) = text.split_once("  jobs.toml: |\n").expect("a file of jobs");
    let lines: Vec<&str> = below.lines().take_while(|line| line.is_empty() || line.starts_with("    ")).collect();
    here(&lines.iter().map(|line| line.trim_start()).collect::<Vec<_>>().join("\n"), folder)
}

fn run_in(folder: &Folder, words: &[String]) -> (Option<i32>, String) {
    let mut command = folder.command("");
    command.args(words).current_dir(folder.at("data")).env("HOME", folder.path());
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The same words every night, in the unit and in the CronJob: the first time, again, and with new inputs.
#[test]
fn words_of_a_batch_do_for_many_nights() {
    let unit = service("ExecStart").replace("/usr/local/bin/swath ", "");
    for words in [unit.split(' ').collect(), lists(&read(MANIFESTS[1]), "args")[0].clone()] {
        let words: Vec<String> = words.iter().map(|word: &&str| word.to_string()).collect();
        assert!(words.iter().any(|word| word == "--resume"), "{words:?}");
        let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
        inputs(&folder, 1);
        let once = "\n[[job]]\nrun = \"raster convert ../input/b8.tif -o once.tif\"\n";
        folder.write("data/jobs.toml", (jobs(&folder) + once).as_bytes());
        for night in [1, 1] {
            let (code, told) = run_in(&folder, &words);
            assert_eq!(code, Some(0), "night {night}: {told}");
        }
        let files =
            |name: &str| std::fs::metadata(folder.at(name)).and_then(|data| data.modified()).expect("it is there");
        let before = files("data/ndvi.tif");
        inputs(&folder, 2);
        let (code, told) = run_in(&folder, &words);
        // What is to be made once is not made again of other inputs, as the page says; the others are.
        assert_eq!(code, Some(9), "{told}");
        assert!(told.contains("set aside: once.tif"), "{told}");
        assert!(files("data/ndvi.tif") > before, "made anew");
        assert!(folder.at("data/lake/_swath/manifest.json").exists());
    }
}

#[test]
fn words_of_a_job_do_when_they_are_said_again() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, 1);
    std::fs::create_dir(folder.at("data")).expect("made");
    let words = arguments(MANIFESTS[0], &folder);
    for _ in 0..2 {
        let (code, told) = run_in(&folder, &words);
        assert_eq!(code, Some(0), "{told}");
    }
    assert!(folder.at("data/lake/_swath/manifest.json").exists());
}

/// A socket as that of a service manager, and a thread that reads it, since few datagrams wait for a reader.
struct Manager {
    heard: Receiver<String>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Manager {
    fn at(path: &Path) -> Manager {
        let socket = UnixDatagram::bind(path).expect("bound");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        let (tell, heard) = channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut bytes = [0; 512];
            loop {
                match socket.recv(&mut bytes) {
                    Ok(length) => drop(tell.send(String::from_utf8_lossy(&bytes[..length]).into_owned())),
                    Err(_) if over.load(Ordering::Acquire) => return,
                    Err(_) => {}
                }
            }
        });
        Manager { heard, is_over, thread: Some(thread) }
    }

    /// All that it heard and was not asked for yet, at the end.
    fn all(mut self) -> Vec<String> {
        self.is_over.store(true, Ordering::Release);
        self.thread.take().expect("once").join().expect("it reads");
        self.heard.try_iter().collect()
    }
}

fn last_status(heard: &[String]) -> Option<&str> {
    heard.iter().rev().map(String::as_str).find(|said| said.starts_with("STATUS="))
}

/// Ready once and first, then signs of progress, and at last how far it came; of the workers of a batch it hears nothing.
#[test]
fn a_service_manager_hears_of_work() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("t.csv", "--rows 300000 --sensors 50");
    let ingest = "sensor ingest t.csv --schema schema.toml -o lake";
    let jobs: String = (0..4).map(|job| format!("[[job]]\nrun = \"{ingest}{job}\"\n")).collect();
    folder.write("jobs.toml", format!("{jobs}[[job]]\nrun = \"raster convert no.tif -o o.tif\"\n").as_bytes());
    for (line, code, last) in [
        ("batch jobs.toml -m 400MB", 9, "STATUS=5 of 5 jobs ended, 1 of them set aside"),
        (&*format!("{ingest} -m 64MB -j 1"), 0, "STATUS=assemble: 1 of 1 tasks done"),
    ] {
        let manager = Manager::at(&folder.at("notify"));
        let mut command = folder.command(line);
        command.env("NOTIFY_SOCKET", folder.at("notify")).env("WATCHDOG_USEC", "10000");
        let output = command.output().expect("it starts");
        let heard = manager.all();
        std::fs::remove_file(folder.at("notify")).expect("removed");
        assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let count = |wanted: &str| heard.iter().filter(|said| *said == wanted).count();
        assert_eq!(heard.first().map(String::as_str), Some("READY=1"), "{line}");
        assert_eq!(last_status(&heard), Some(last), "{line}");
        assert_eq!(count("READY=1"), 1, "{line}: {heard:?}");
        assert!(count("WATCHDOG=1") >= 1, "{line}: {heard:?}");
        assert!(heard.iter().all(|said| !said.contains('\n')), "{line}: {heard:?}");
    }
}

/// What refuses to begin is not ready, and what asks for no watchdog gets no signs.
#[test]
fn a_service_manager_hears_no_more_than_it_asked_for() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("t.csv", "--rows 5000 --sensors 5");
    folder.write("jobs.toml", b"[[job]]\nrun = \"raster blur a.tif\"\n");
    for (line, code, ready) in [
        ("batch jobs.toml -m 400MB", 2, 0),
        ("sensor ingest t.csv -o lake -m 10MB", 3, 0),
        ("sensor ingest t.csv -o lake -m 64MB --explain", 0, 0),
        ("sensor ingest t.csv -o lake -m 64MB", 0, 1),
        // It is whole already, and that is told, too: a manager waits for it.
        ("sensor ingest t.csv -o lake -m 64MB --resume", 0, 1),
    ] {
        let manager = Manager::at(&folder.at("notify"));
        let mut command = folder.command(line);
        // The watchdog is another process's.
        command.env("NOTIFY_SOCKET", folder.at("notify")).env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
        let output = command.output().expect("it starts");
        let heard = manager.all();
        std::fs::remove_file(folder.at("notify")).expect("removed");
        assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(heard.iter().filter(|said| *said == "READY=1").count(), ready, "{line}: {heard:?}");
        assert!(!heard.iter().any(|said| said.contains("WATCHDOG")), "{line}: {heard:?}");
        if ready == 0 {
            assert!(heard.is_empty(), "{line}: {heard:?}");
        }
    }
}

/// While a job stands still, the watchdog of the batch hears nothing; once it goes on, it does.
#[test]
fn a_watchdog_hears_nothing_while_nothing_is_done() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    // The second begins when the first is done: time in which that can be told.
    let job = |name| format!("[[job]]\nrun = \"synth telemetry --rows 2000000 -o {name}.csv\"\n");
    folder.write("jobs.toml", (job("a") + &job("b")).as_bytes());
    let manager = Manager::at(&folder.at("notify"));
    let mut command = folder.command("batch jobs.toml -m 400MB -j 1");
    command.env("NOTIFY_SOCKET", folder.at("notify")).env("WATCHDOG_USEC", "20000");
    let mut batch = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let signal = |process: i32, signal| kill_process(Pid::from_raw(process).expect("a process"), signal).expect("sent");
    let children = format!("/proc/{0}/task/{0}/children", batch.id());
    let begun = Instant::now();
    let worker: i32 = loop {
        assert!(begun.elapsed() < Duration::from_secs(20), "no worker begins");
        let found = std::fs::read_to_string(&children).unwrap_or_default();
        match found.split_whitespace().next().and_then(|word| word.parse().ok()) {
            Some(worker) => break worker,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    signal(worker, Signal::STOP);
    // What was on its way arrives.
    std::thread::sleep(Duration::from_millis(800));
    let before: Vec<String> = manager.heard.try_iter().collect();
    assert_eq!(before.first().map(String::as_str), Some("READY=1"));
    let heard = manager.heard.recv_timeout(Duration::from_millis(1500));
    assert_eq!(heard, Err(RecvTimeoutError::Timeout), "the batch lives, and nothing is done");
    signal(worker, Signal::CONT);
    assert_eq!(batch.wait().expect("it ends").code(), Some(0));
    let after = manager.all();
    assert!(after.iter().any(|said| said == "WATCHDOG=1"), "{after:?}");
    assert_eq!(last_status(&after), Some("STATUS=2 of 2 jobs ended"));
}
