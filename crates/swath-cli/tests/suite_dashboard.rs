//! Dashboards: what is served while a run goes on, who may see it, what it costs the run (its bytes nothing, its memory what
//! was told), and that nobody who is connected can hold it.
#![allow(clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use swath_testkit::{Folder, Tree, skipped};

/// What goes on for longer than any test looks at it.
const LONG: &str = "raster focal large.tif --radius 5 --stat median -o long.tif -j 1 -m 48MB --overwrite";
const PATIENCE: Duration = Duration::from_secs(60);

fn folder() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.run("synth raster -o in.tif --size 2000x2000 -q").expect(&[0]);
    folder
}

/// The same with what [`LONG`] works on.
fn large() -> Folder {
    let folder = folder();
    folder.run("synth raster -o large.tif --size 8000x8000 --co BLOCKSIZE=256 -q").expect(&[0]);
    folder
}

/// A run with a dashboard, which is ended with the test.
struct Live {
    child: Child,
    /// `127.0.0.1:PORT`.
    host: String,
    /// `?token=…`, or nothing.
    query: String,
}

impl Live {
    /// Starts it, and waits until it tells its address.
    fn start(folder: &Folder, line: &str) -> Live {
        let mut command = folder.command(line);
        Live::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()), line)
    }

    fn of(command: &mut Command, line: &str) -> Live {
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let told = lines.find_map(|line| {
            let line = line.expect("text");
            let url = line.split_once("http://").map(|(_, rest)| rest.trim_end_matches(['"', '}']).to_string());
            url.filter(|_| line.contains("dashboard"))
        });
        let url = told.unwrap_or_else(|| panic!("no address was told: {line}"));
        std::thread::spawn(move || lines.for_each(drop));
        let (host, query) = url.split_once('/').expect("a path");
        let port = host.rsplit(':').next().expect("a port");
        Live { child, host: format!("127.0.0.1:{port}"), query: query.into() }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.host).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(15))).expect("set");
        stream.set_write_timeout(Some(Duration::from_secs(15))).expect("set");
        stream
    }

    /// Status and the rest of an answer.
    fn get(&self, path: &str) -> Answer {
        let (path, query) = (path, if path.contains('?') { "" } else { self.query.as_str() });
        self.ask(&format!("GET {path}{query} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host))
    }

    fn ask(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        let _ = stream.write_all(request.as_bytes());
        Answer::read(stream)
    }

    /// Figures, if it is still there.
    fn last_metrics(&self) -> Option<Metrics> {
        let mut stream = TcpStream::connect(&self.host).ok()?;
        let _ = write!(stream, "GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        let answer = Answer::read(stream);
        (answer.status == 200).then(|| Metrics::read(&answer.body))
    }

    fn metrics(&self) -> Metrics {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.head.contains("Content-Type: text/plain; version=0.0.4"), "{}", answer.head);
        Metrics::read(&answer.body)
    }

    /// Waits until figures are as they are wanted.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Metrics) -> bool) -> Metrics {
        let begun = Instant::now();
        loop {
            let metrics = self.metrics();
            if is_so(&metrics) {
                return metrics;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {metrics:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal(&self, signal: Signal) {
        signal_to(self.child.id(), signal);
    }

    /// Waits for its end; answers its exit code and its standard output.
    fn wait(&mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        let stdout = self.child.stdout.take();
        stdout.map(|mut stdout| stdout.read_to_string(&mut text).expect("text"));
        (self.child.wait().expect("waited for").code(), text)
    }

    fn events(&self) -> Events {
        let mut stream = self.connect();
        write!(stream, "GET /events{} HTTP/1.1\r\nHost: {}\r\n\r\n", self.query, self.host).expect("sent");
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while lines.read_line(&mut head).expect("a head") > 2 {}
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/event-stream"), "{head}");
        Events(lines)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal_to(id: u32, signal: Signal) {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).expect("an id");
    let _ = kill_process(id, signal);
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn read(mut stream: TcpStream) -> Answer {
        let mut text = Vec::new();
        if let Err(error) = stream.read_to_end(&mut text) {
            assert!(error.kind() == ErrorKind::ConnectionReset, "{error}");
        }
        let text = String::from_utf8(text).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.into(), body: body.into() }
    }
}

/// Events as they come.
struct Events(BufReader<TcpStream>);

impl Events {
    /// The next one, with its name; none once there are no more.
    fn next(&mut self) -> Option<(String, String)> {
        let (mut name, mut data, mut line) = (String::new(), String::new(), String::new());
        loop {
            line.clear();
            if self.0.read_line(&mut line).expect("text") == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("event", of)) => name = of.into(),
                Some(("data", of)) => data.push_str(of),
                Some(("retry", _)) => {}
                None if line == "data:\n" || line == "data: \n" => {}
                None if line == "\n" && !name.is_empty() => return Some((name, data)),
                None if line == "\n" => {}
                other => panic!("{other:?} is no line of an event"),
            }
        }
    }
}

/// Figures by their names and labels, and which of them are counters.
#[derive(Debug)]
struct Metrics {
    values: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
}

impl Metrics {
    /// Reads the text format, by its rules: of each name a HELP, then a TYPE, then its lines, none twice.
    fn read(text: &str) -> Metrics {
        assert!(text.ends_with('\n'), "half a line");
        let (mut values, mut kinds) = (BTreeMap::new(), BTreeMap::new());
        let (mut helped, mut family) = (String::new(), String::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help");
                assert!(!help.is_empty() && !kinds.contains_key(name), "{line}");
                helped = name.into();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(name == helped && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                kinds.insert(name.to_string(), kind.to_string());
                family = name.into();
            } else {
                let (name, value) = line.rsplit_once(' ').expect("a value");
                let bare = name.split('{').next().expect("a name");
                let suffixes: &[&str] =
                    if kinds[&family] == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffixes.iter().any(|suffix| bare == format!("{family}{suffix}")), "{line}");
                assert!(bare.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{line}");
                if let Some((_, labels)) = name.split_once('{') {
                    let labels = labels.strip_suffix('}').expect("closed");
                    assert!(labels.split("\",").all(|label| label.contains("=\"")), "{line}");
                }
                let value: f64 = value.parse().expect("a number");
                assert!(value.is_finite() && value >= 0.0, "{line}");
                assert!(values.insert(name.to_string(), value).is_none(), "{line} twice");
            }
        }
        let metrics = Metrics { values, kinds };
        metrics.assert_histogram("swath_write_seconds");
        metrics
    }

    fn of(&self, name: &str) -> f64 {
        *self.values.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    fn assert_histogram(&self, name: &str) {
        let bucket = |(of, value): (&String, &f64)| {
            let bound = of.strip_prefix(&format!("{name}_bucket{{le=\""))?.strip_suffix("\"}")?;
            Some((bound.parse::<f64>().expect("a bound"), *value))
        };
        let mut buckets: Vec<(f64, f64)> = self.values.iter().filter_map(bucket).collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.len() > 5 && buckets.is_sorted_by(|a, b| a.1 <= b.1), "{buckets:?}");
        assert_eq!(buckets.last().copied(), Some((f64::INFINITY, self.of(&format!("{name}_count")))));
    }

    /// Panics where a counter of `before` is less now.
    fn assert_grown(&self, before: &Metrics) {
        for (name, value) in &before.values {
            let bare = name.split('{').next().expect("a name");
            if self.kinds.get(bare).is_some_and(|kind| kind == "counter") || bare.starts_with("swath_write_seconds") {
                assert!(self.of(name) >= *value, "{name} fell from {value} to {}", self.of(name));
            }
        }
    }
}

#[test]
fn a_page_grows_and_counters_never_fall() {
    let folder = large();
    let mut live = Live::start(&folder, &format!("{LONG} --dashboard=:0 --quiet --json"));
    assert!(live.query.is_empty());
    let page = live.get("/");
    assert_eq!(page.status, 200);
    for wanted in ["Content-Security-Policy: default-src 'none'", "no-store", "nosniff", "text/html", "frame-ancestors"]
    {
        assert!(page.head.contains(wanted), "{wanted}: {}", page.head);
    }
    assert!(page.body.starts_with("<!DOCTYPE html>") && page.body.ends_with("</html>\n"), "half a page");
    for outside in ["http:", "https:", "url(", "@import", "<link", "onload=", "style=\"background:url"] {
        assert!(!page.body.contains(outside), "{outside} in the page");
    }
    assert!(page.body.contains("raster focal") && page.body.contains(">running</span>"), "{}", page.body);
    assert_eq!(live.get("/live.js").status, 200);
    let mut before = live.until("tasks are done", |now| now.of("swath_chunks_done_total") > 0.0);
    assert_eq!(before.of("swath_memory_ceiling_bytes"), 48e6);
    assert!(before.of("swath_memory_resident_bytes") <= before.of("swath_memory_ceiling_bytes"));
    assert!(before.of("swath_memory_predicted_bytes") <= 48e6 && before.of("swath_read_bytes_total") > 0.0);
    let mut events = live.events();
    let mut seen = BTreeMap::<String, Vec<String>>::new();
    let begun = Instant::now();
    while seen.get("now").map_or(0, Vec::len) < 3 {
        let (name, data) = events.next().expect("events");
        assert!(data.matches("<section").count() == data.matches("</section>").count(), "{name}: half of it");
        seen.entry(name).or_default().push(data);
        let after = live.metrics();
        after.assert_grown(&before);
        before = after;
        assert!(begun.elapsed() < PATIENCE, "{seen:?}");
    }
    assert!(["head", "memory", "work", "as_of"].iter().all(|part| seen.contains_key(*part)), "{:?}", seen.keys());
    let now = &seen["now"];
    assert!(now[0] != now[1] && now[0].contains("of 48 MB resident") && now[0].contains("tasks"), "{now:?}");
    // What has not changed is not sent again.
    assert_eq!(seen["plan"].len(), 1, "{:?}", seen["plan"]);
    assert_eq!((live.get("/nothing").status, live.get("/../etc/passwd").status), (404, 404));
    live.signal(Signal::INT);
    let last = std::iter::from_fn(|| events.next()).last().expect("a last one");
    assert_eq!(last, ("end".into(), "stopped by a signal".into()));
    let (code, stdout) = live.wait();
    let result: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!((code, result["status"].as_str()), (Some(75), Some("stopped")), "{stdout}");
    assert!(TcpStream::connect(&live.host).is_err(), "it is served beyond its end");
}

#[test]
fn health_is_progress() {
    let folder = folder();
    let jobs = (0..40)
        .map(|number| format!("[[job]]\nrun = \"raster focal in.tif --radius 8 --stat median -o o{number}.tif\"\n"));
    folder.write("jobs.toml", jobs.collect::<String>().as_bytes());
    let live = Live::start(&folder, "batch jobs.toml -m 300MB -j 1 --dashboard=:0");
    let health = |path: &str| {
        let answer = live.get(path);
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        (answer.status, body["status"].as_str().map(str::to_string), body["after_s"].as_f64())
    };
    let good = |after: f64| (200, Some("progress".to_string()), Some(after));
    live.until("a job is at work", |now| now.values.contains_key("swath_worker_resident_bytes{place=\"1\"}"));
    assert_eq!(health("/healthz"), good(600.0));
    let children = format!("/proc/{0}/task/{0}/children", live.child.id());
    let worker = std::fs::read_to_string(children).expect("children").split_whitespace().next().map(str::parse::<u32>);
    let worker = worker.expect("a worker").expect("a number");
    signal_to(worker, Signal::STOP);
    let begun = Instant::now();
    let bad = (503, Some("standing_still".to_string()), Some(2.0));
    while health("/healthz?after=2s") != bad {
        assert!(begun.elapsed() < PATIENCE, "{:?}", health("/healthz?after=2s"));
        std::thread::sleep(Duration::from_millis(100));
    }
    // For less time than that it may stand still.
    assert_eq!(health("/healthz"), good(600.0));
    assert_eq!(live.get("/healthz?after=soon").status, 400);
    signal_to(worker, Signal::CONT);
    let begun = Instant::now();
    while health("/healthz?after=2s").0 != 200 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn elsewhere_a_token_is_wanted() {
    let folder = large();
    let live = Live::start(&folder, &format!("{LONG} --dashboard 0.0.0.0:0 --log json"));
    let token = live.query.strip_prefix("?token=").expect("a token");
    assert!(token.len() == 32 && token.chars().all(|c| c.is_ascii_hexdigit()), "{token}");
    let wrong = format!("{}{}", &token[..31], if token.ends_with('0') { '1' } else { '0' });
    for path in ["/", "/events", "/metrics", "/live.js", "/nothing"] {
        for query in ["?", "?token=", &format!("?token={wrong}"), &format!("?token={}", &token[..31]), "?other=1"] {
            let answer = live.get(&format!("{path}{query}"));
            assert_eq!(answer.status, 403, "{path}{query}");
            assert!(!answer.body.contains(token), "{}", answer.body);
        }
    }
    assert_eq!(live.get("/healthz?").status, 200);
    let right = live.get("/");
    assert_eq!(right.status, 200);
    assert!(right.body.contains(&format!("live.js?token={token}")), "the script cannot be had");
    let bearer = |token: &str| {
        let head = format!("Host: somewhere\r\nAuthorization: Bearer {token}");
        live.ask(&format!("GET /metrics HTTP/1.1\r\n{head}\r\n\r\n")).status
    };
    assert_eq!((bearer(token), bearer(&wrong)), (200, 403));
    let mut command = folder.command(&format!("{LONG} --dashboard=0.0.0.0:0"));
    command.env("SWATH_DASHBOARD_TOKEN", "one-that-a-scraper-knows");
    drop(live);
    let live = Live::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()), LONG);
    assert_eq!(live.query, "?token=one-that-a-scraper-knows");
    assert_eq!((live.get("/metrics").status, live.get("/metrics?").status), (200, 403));
}

#[test]
fn only_this_machine_is_answered_under_its_own_name() {
    let folder = large();
    let live = Live::start(&folder, &format!("{LONG} --dashboard=:0"));
    for (host, wanted) in [
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("attacker.example", 403),
        ("attacker.example:80", 403),
        ("127.0.0.1.attacker.example", 403),
    ] {
        for path in ["/", "/metrics", "/healthz"] {
            let answer = live.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert_eq!(answer.status, wanted, "{path} of {host}");
            assert!(!answer.head.to_ascii_lowercase().contains("access-control"), "{}", answer.head);
        }
    }
}

#[test]
fn bad_requests_are_refused_and_hold_nobody() {
    let folder = large();
    let live = Live::start(&folder, &format!("{LONG} --dashboard=:0"));
    let host = format!("Host: {}\r\n", live.host);
    let long = format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(100_000));
    for (request, wanted) in [
        ("hello\r\n\r\n".to_string(), 400),
        ("\u{16}\u{3}\u{1}\0\0".into(), 400),
        ("GET / HTTP/1.1\r\n\r\n".into(), 400),
        (format!("POST / HTTP/1.1\r\n{host}Content-Length: 3\r\n\r\nabc"), 405),
        (format!("GET / HTTP/3\r\n{host}\r\n"), 505),
        (long, 431),
    ] {
        let answer = live.ask(&request);
        assert_eq!(answer.status, wanted, "{}", request.chars().take(40).collect::<String>());
    }
    // Half a request: it is let go some seconds later, and meanwhile everybody else is answered.
    let mut half = live.connect();
    half.write_all(b"GET / HT").expect("sent");
    // Far more than there is room for.
    let many: Vec<TcpStream> = (0..200).map(|_| live.connect()).collect();
    assert_eq!(live.get("/healthz").status, 200);
    assert_eq!(live.get("/").status, 200);
    let begun = Instant::now();
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest);
    assert!(rest.is_empty() && begun.elapsed() < Duration::from_secs(12), "{rest:?} after {:?}", begun.elapsed());
    drop(many);
    let metrics = live.metrics();
    assert!(metrics.of("swath_dashboard_dropped_total") >= 100.0, "{metrics:?}");
    assert!(metrics.of("swath_dashboard_connections") <= 64.0, "{metrics:?}");
}

/// Thirty who look at it and one who takes nothing: the output is what it is without, and memory what was told.
#[test]
fn nobody_who_looks_costs_a_byte_more_than_was_told() {
    let folder = folder();
    folder.telemetry("in.csv", "--size 30MB --sensors 100 --shuffle");
    let job = "sensor ingest in.csv --schema schema.toml --partition day -o";
    folder.run(&format!("{job} plain -m 200MB -q")).expect(&[0]);
    let plan = |more: &str| folder.run(&format!("{job} told -m 1GB -j 2 --explain --json{more}")).expect(&[0]);
    let smallest = plan(" --dashboard=:0").figure("/smallest_ceiling");
    assert_eq!(smallest, plan("").figure("/smallest_ceiling") + 6_000_000);
    let ceiling = smallest.div_ceil(1000);
    let mut live = Live::start(&folder, &format!("{job} told -m {ceiling}kB -j 2 --dashboard=:0 --json"));
    let host = live.host.clone();
    let lookers: Vec<_> = (0..30)
        .map(|number| {
            let host = host.clone();
            std::thread::spawn(move || {
                let path = ["/events", "/", "/metrics"][number % 3];
                let mut read = 0;
                loop {
                    let Ok(mut stream) = TcpStream::connect(&host) else { return read };
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
                    let _ = write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
                    read += std::io::copy(&mut stream, &mut std::io::sink()).unwrap_or(0);
                }
            })
        })
        .collect();
    let mut idle = live.connect();
    write!(idle, "GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("sent");
    let status = format!("/proc/{}/status", live.child.id());
    let mut highest = 0;
    while live.child.try_wait().expect("asked").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let seen = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        highest = highest.max(seen.unwrap_or(0) * 1024);
        std::thread::sleep(Duration::from_millis(5));
    }
    let (code, stdout) = live.wait();
    assert_eq!(code, Some(0), "{stdout}");
    let result: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert!(highest > 0 && highest <= ceiling * 1000, "{highest} bytes were seen, {ceiling} kB were told: {result}");
    assert!(result["memory"]["actual_peak"].as_u64() <= Some(ceiling * 1000), "{result}");
    let read: u64 = lookers.into_iter().map(|looker| looker.join().expect("ended")).sum();
    assert!(read > 1_000_000, "{read} bytes were read");
    Tree::of(&folder.at("plain")).assert_same(&Tree::of(&folder.at("told")), "with and without a dashboard");
}

#[test]
fn answers_that_were_given_leave_nothing() {
    let folder = folder();
    let line = "sensor ingest - -o lake -m 64MB --dashboard=127.0.0.1:0";
    let mut command = folder.command(line);
    let mut live = Live::of(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()), line);
    let mut input = live.child.stdin.take().expect("a pipe");
    input.write_all(b"sensor_id,time,value\n").expect("it reads");
    let resident_kb = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", live.child.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    let ask = |times: u32| (0..times).for_each(|_| assert_eq!(live.get("/healthz").status, 200));
    ask(2_000);
    let before = resident_kb();
    ask(20_000);
    let after = resident_kb();
    assert!(after < before + 500, "{before} kB, {after} kB after 20,000 answers");
}

#[test]
fn a_signal_ends_it_though_many_look() {
    let folder = folder();
    folder.telemetry("in.csv", "--size 150MB --sensors 100 --shuffle");
    let job = "sensor ingest in.csv --schema schema.toml --partition day -o lake -m 100MB -j 1 --dashboard=:0 --json";
    let mut live = Live::start(&folder, job);
    // They ask, and take nothing of what they get.
    let lookers: Vec<TcpStream> = (0..50)
        .map(|number| {
            let mut stream = live.connect();
            let path = ["/events", "/", "/metrics", "/events?half"][number % 4];
            let end = if path.ends_with("half") { "" } else { "\r\n" };
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n{end}", live.host).expect("sent");
            stream
        })
        .collect();
    live.until("it works", |now| now.of("swath_chunks_done_total") > 0.0);
    live.signal(Signal::INT);
    let begun = Instant::now();
    let (code, stdout) = live.wait();
    assert!(code == Some(75) && begun.elapsed() < Duration::from_secs(10), "{:?}: {stdout}", begun.elapsed());
    drop(lookers);
    assert!(!folder.at("lake").exists());
    folder.run("sensor ingest in.csv --schema schema.toml --partition day -o lake -m 100MB --resume -q").expect(&[0]);
}

#[test]
fn a_batch_shows_all_its_jobs() {
    let folder = folder();
    let mut jobs: String = (0..6)
        .map(|number| {
            format!("[[job]]\nname = \"slow <{number}>\"\nrun = \"raster focal in.tif --radius 3 --stat median -o o{number}.tif\"\n")
        })
        .collect();
    jobs.push_str("[[job]]\nname = \"broken\"\nrun = \"raster convert schema.toml -o x.tif\"\n");
    folder.write("jobs.toml", jobs.as_bytes());
    let mut live = Live::start(&folder, "batch jobs.toml -m 300MB -j 1 --dashboard=:0 --quiet --json");
    let states = ["waiting", "running", "done", "done_before", "set_aside"];
    let mut events = live.events();
    let mut now: Vec<String> = Vec::new();
    let planned = |now: &Metrics| now.values.get("swath_jobs_planned").is_some_and(|jobs| *jobs > 0.0);
    let (mut before, mut waited) = (live.until("it is planned", planned), false);
    let mut last = String::new();
    while let Some((name, data)) = events.next() {
        last = data.clone();
        match name.as_str() {
            "now" => now.push(data),
            "work" => waited |= data.contains("slow &lt;5&gt;"),
            "end" => break,
            "as_of" => {
                // It may be over, or not have begun.
                let Some(after) = live.last_metrics().filter(|it| it.values.contains_key("swath_jobs_planned")) else {
                    continue;
                };
                let sum: f64 = states.iter().map(|state| after.of(&format!("swath_jobs{{state=\"{state}\"}}"))).sum();
                assert!(sum == after.of("swath_jobs_planned"), "{after:?}");
                after.assert_grown(&before);
                before = after;
            }
            _ => {}
        }
    }
    assert_eq!(last, "some jobs were set aside");
    assert!(waited, "no waiting job was shown");
    assert!(now.iter().any(|now| now.contains("slow &lt;") && now.contains("At work")), "{now:?}");
    assert!(now.iter().any(|now| now.contains("of 7 done") && now.contains("of 300 MB resident")), "{now:?}");
    assert!(before.of("swath_worker_heartbeats_total") > 0.0 && before.of("swath_jobs_planned") == 7.0);
    let (code, stdout) = live.wait();
    let result: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!((code, result["jobs"]["done"].as_u64()), (Some(9), Some(6)), "{stdout}");
}

#[test]
fn wrong_words_are_refused_before_the_run() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = taken.local_addr().expect("an address").port();
    folder.write("jobs.toml", b"[[job]]\nrun = \"raster convert in.tif -o o.tif --dashboard=:0\"\n");
    for (line, code, wanted) in [
        (format!("raster convert in.tif -o out.tif --dashboard=:{port}"), 2, "cannot be listened at"),
        (format!("raster convert in.tif -o out.tif --dashboard :{port}"), 2, "cannot be listened at"),
        ("raster convert in.tif -o out.tif --dashboard=in.tif".into(), 2, "is no address"),
        ("raster convert in.tif -o out.tif --dashboard=example.org:80".into(), 2, "is no address"),
        ("raster convert in.tif -o out.tif --dashboard=192.0.2.1:0".into(), 2, "cannot be listened at"),
        ("batch jobs.toml -m 300MB".into(), 2, "--dashboard is said in a job"),
    ] {
        let outcome = folder.run(&line).expect(&[code]);
        assert!(outcome.stderr.contains(wanted) && outcome.stderr.contains("hint:"), "{line}: {outcome}");
        let strays: Vec<String> = folder.names().into_iter().filter(|name| name.contains("out.tif")).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }
    let outcome = folder.run("raster pipeline read in.tif ! write out.tif --dashboard=:0").expect(&[0]);
    assert!(outcome.stderr.contains("dashboard: http://127.0.0.1:"), "{outcome}");
    let mut command = folder.command("raster convert in.tif -o out2.tif --dashboard=0.0.0.0:0");
    let output = command.env("SWATH_DASHBOARD_TOKEN", "short").output().expect("run");
    assert_eq!(output.status.code(), Some(2));
}

/// A browser opens the page of a run, and its script changes what is in it.
#[test]
fn a_browser_sees_it_grow() {
    const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let is_there = |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|it| it.status.success());
    let Some(browser) = BROWSERS.iter().find(is_there) else {
        assert!(std::env::var_os("SWATH_REQUIRE_BROWSER").is_none(), "no browser");
        return skipped("a page in a browser", "there is none of chromium, chromium-browser, google-chrome, chrome");
    };
    let folder = large();
    let mut live = Live::start(&folder, &format!("{LONG} --dashboard=:0"));
    live.until("tasks are done", |now| now.of("swath_chunks_done_total") > 0.0);
    let first = live.get("/").body;
    let profile = folder.at("profile");
    // In virtual time it looks until the last event has come; the run is stopped some seconds after it began to look.
    let browser = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("http://{}/", live.host))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    live.until("it looks", |now| now.of("swath_dashboard_connections") > 1.0);
    std::thread::sleep(Duration::from_secs(4));
    live.signal(Signal::INT);
    assert_eq!(live.wait().0, Some(75));
    let output = browser.wait_with_output().expect("waited for");
    let page = String::from_utf8_lossy(&output.stdout);
    let updates = page.split_once("data-updates=\"").and_then(|(_, rest)| rest.split_once('"'));
    let updates = updates.and_then(|(number, _)| number.parse::<u32>().ok()).unwrap_or(0);
    // All parts once, and then those that change, some times.
    assert!(updates > 15, "{updates} parts were changed by the script: {page}");
    assert!(
        page.contains("the run has ended: stopped by a signal") && page.contains(">stopped, exit 75</span>"),
        "{page}"
    );
    let tile = |page: &str| {
        let (_, rest) = page.split_once("<div class=\"tile\"><b>").expect("a tile");
        rest.split_once("</b>").expect("an end").0.to_string()
    };
    assert!(first.contains("<h2>Now</h2>") && !page.contains("<h2>Now</h2>"), "{page}");
    assert_ne!(tile(&first), tile(&page), "the clock stands still");
}

/// What alerts rest on is served.
#[test]
fn names_in_rules_are_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus/swath.rules.yaml");
    let rules = std::fs::read_to_string(path).expect("rules");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names: Vec<&str> = rules.split(|c| !is_part(c)).filter(|word| word.starts_with("swath_")).collect();
    assert!(names.len() >= 4, "{names:?}");
    let folder = folder();
    folder.write("jobs.toml", b"[[job]]\nrun = \"raster focal in.tif --radius 9 --stat median -o o.tif\"\n");
    let live = Live::start(&folder, "batch jobs.toml -m 300MB --dashboard=:0");
    let metrics = live.until("a job is at work", |now| now.values.contains_key("swath_jobs{state=\"running\"}"));
    for name in names {
        assert!(metrics.values.keys().any(|key| key.split('{').next() == Some(name)), "{name} is not served");
    }
}
