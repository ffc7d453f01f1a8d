//! Reports: a page of every run however it ends, that changes no byte of the output, keeps to the ceiling, and is read back.
#![cfg(unix)]

use serde_json::Value;
use swath_testkit::{Folder, Outcome, Tree};

const BEGIN: &str = "<script type=\"application/json\" id=\"swath-record\">";

fn folder() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_swath"))
}

/// The record of a page, taken out by other means than the program's; and the page in front of it.
#[track_caller]
fn page(folder: &Folder, name: &str) -> (String, Value) {
    let text = String::from_utf8(folder.read(name)).expect("UTF-8");
    assert!(text.starts_with("<!DOCTYPE html>") && text.ends_with("</html>\n"), "half a page");
    let (page, rest) = text.split_once(BEGIN).expect("a record");
    let (record, _) = rest.split_once("</script>").expect("an end");
    assert!(!record.contains('<'), "a tag in the record");
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "<link", "onload"] {
        assert!(!page.contains(outside), "{outside} in the page");
    }
    assert_balanced(page);
    (page.into(), serde_json::from_str(record).expect("JSON"))
}

/// Every element of the page that is to be closed is, in order.
#[track_caller]
fn assert_balanced(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let body = page.split_once("</style>").expect("a style").1;
    for tag in body.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(tag, _)| tag) {
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            let expected = open.pop();
            assert!(name == "head" || expected == Some(name), "</{name}> closes {expected:?}");
        } else if !tag.ends_with('/') && !["br", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, ["body", "main"].split_at(1).0, "not closed");
}

fn inputs(folder: &Folder) {
    folder.telemetry("in.csv", "--size 6MB --sensors 100 --shuffle");
    folder.run("synth raster -o a.tif --size 1500x1100 --bands 2 --co BLOCKSIZE=128 -q").expect(&[0]);
}

/// Commands of each noun; {o} is the output.
const COMMANDS: [&str; 10] = [
    "sensor ingest in.csv --schema schema.toml --partition day -o {o}",
    "raster calc b1/2+b2 a.tif -o {o}",
    "raster convert a.tif -f cog -o {o}",
    "raster clip a.tif --window 100,100,700,600 -o {o}",
    "raster warp a.tif --res 30 -o {o}",
    "raster mosaic a.tif a.tif -o {o}",
    "raster focal a.tif --radius 2 -o {o}",
    "raster terrain a.tif -b 1 --kind slope -o {o}",
    "raster stats a.tif -o {o}",
    "synth raster --size 900x900 -o {o}",
];

#[test]
fn every_command_has_one_and_its_output_is_the_same() {
    let folder = folder();
    inputs(&folder);
    let pipeline = "raster pipeline read a.tif ! focal --radius 1 ! write {o} --report run.html";
    for command in COMMANDS.into_iter().chain([pipeline]) {
        let report = if command.contains("--report") { "" } else { "--report run.html" };
        let plain = command.replace("{o}", "plain.out").replace("--report run.html", "");
        folder.run(&format!("{plain} -m 200MB --quiet")).expect(&[0]);
        let line = format!("{} {report} -m 200MB --json", command.replace("{o}", "told.out"));
        let outcome = folder.run(&line).expect(&[0]);
        let [plain, told] = ["plain.out", "told.out"].map(|name| folder.at(name));
        match plain.is_dir() {
            true => Tree::of(&plain).assert_same(&Tree::of(&told), command),
            false => assert!(folder.read("plain.out") == folder.read("told.out"), "{command}: other bytes"),
        }
        let (page, record) = page(&folder, "run.html");
        let verb = command.split(' ').take(2).collect::<Vec<_>>().join(" ");
        assert_eq!((record["command"].as_str(), record["status"].as_str()), (Some(&*verb), Some("complete")));
        assert_eq!(record["memory"], outcome.json()["memory"], "{command}");
        assert!(page.contains("Memory over time") && page.contains("Predicted and actual"), "{command}");
        let done: u64 = record["stages"].as_array().expect("stages").iter().filter_map(|it| it["done"].as_u64()).sum();
        assert_eq!(done, outcome.figure("/chunks/done"), "{command}");
        if verb.starts_with("raster") && verb != "raster stats" {
            assert!(page.contains("Windows of the grid"), "{command}");
        }
        folder.remove(&["plain.out", "told.out", "run.html"]);
        let strays: Vec<String> = folder.names().into_iter().filter(|name| name.contains(".partial")).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }
}

#[test]
fn a_lake_that_grows_and_is_compacted_has_them_too() {
    let folder = folder();
    folder.telemetry("a.csv", "--rows 3000 --seed 1");
    folder.telemetry("b.csv", "--rows 3000 --seed 2");
    folder.ingest("a.csv -o lake --report a.html");
    folder.ingest("b.csv -o lake --append --report b.html");
    folder.run("sensor compact lake --report c.html").expect(&[0]);
    let lakes = ["b.html", "c.html"].map(|name| page(&folder, name).1["result"]["lake"]["rows_after"].as_u64());
    assert!(lakes[0] > Some(3000) && lakes[0] == lakes[1], "{lakes:?}");
    let rows = &page(&folder, "a.html").1["result"]["rows"];
    assert_eq!(rows["read"].as_u64(), Some(3000));
    let (page, record) = page(&folder, "b.html");
    assert!(page.contains("The lake") && page.contains("Every row that was read"));
    let rejects = record["rejects"].as_array().expect("a list");
    assert!(
        rejects.iter().all(|reject| reject["example"].as_str().is_some_and(|it| it.starts_with("b.csv"))),
        "{record}"
    );
}

#[test]
fn what_fails_is_told_with_its_exit_code() {
    let folder = folder();
    folder.telemetry("in.csv", "--rows 2000 --malformed 0.2");
    folder.write("broken.tif", b"II*\0 no raster at all");
    for (line, code) in [
        ("sensor ingest in.csv -o lake --schema schema.toml", 7),
        ("sensor ingest nowhere.csv -o lake", 5),
        ("sensor ingest in.csv -o lake --schema schema.toml -m 5MB", 3),
        ("raster convert broken.tif -o out.tif", 5),
        ("raster convert in.csv -o schema.toml", 5),
    ] {
        let outcome = folder.run(&format!("{line} --report run.html --json")).expect(&[code]);
        let (page, record) = page(&folder, "run.html");
        assert_eq!((record["status"].as_str(), record["exit"].as_i64()), (Some("failed"), Some(code.into())));
        assert_eq!(
            record["error"],
            serde_json::json!({
                "message": outcome.json()["error"]["message"],
                "hint": outcome.json()["error"]["hint"],
            })
        );
        assert!(page.contains(&format!("failed, exit {code}")), "{line}");
        assert!(!folder.at("lake").exists() && !folder.at("out.tif").exists(), "{line}");
    }
    folder.run("sensor ingest in.csv -o lake --schema schema.toml --report run.html").expect(&[7]);
    let (page, _) = page(&folder, "run.html");
    assert!(
        page.contains("Rejected rows") && page.contains("field_count") && page.contains("in.csv, line "),
        "no example"
    );
}

#[test]
fn nothing_that_users_wrote_means_anything_in_a_page() {
    let folder = folder();
    let name = "<script>alert(1)</script>&\"'.csv";
    let rows =
        "sensor_id,timestamp,lat,lon,pm25\ns,2025-03-01T00:00:00Z,5,6,1\ns,2025-03-01T00:01:00Z,5,6,</script><b>\n";
    let column = |name: &str, of: &str| format!("[columns.{name}]\n{of}\n");
    let schema = column("sensor_id", "type = 'category'\nrole = 'sensor'")
        + &column("timestamp", "type = 'timestamp'\nrole = 'time'")
        + &column("lat", "type = 'float64'\nrole = 'y'")
        + &column("lon", "type = 'float64'\nrole = 'x'")
        + &column("pm25", "type = 'float32'");
    folder.write("schema.toml", schema.as_bytes());
    // A name with a slash cannot be.
    let name = name.replace('/', "_");
    std::fs::write(folder.at(&name), rows).expect("written");
    let mut command = folder.command("sensor ingest --schema schema.toml --max-rejects 90% -o lake --report run.html");
    let output = command.arg(&name).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (page, record) = page(&folder, "run.html");
    assert!(!page.contains("<script>") && !page.contains("</script>"), "a tag in the page");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;_script&gt;"), "not in the page");
    assert!(page.contains("&lt;/script&gt;&lt;b&gt;"), "no reject in the page");
    assert!(record["words"].as_array().is_some_and(|words| words.iter().any(|word| *word == *name)));
}

/// With a report the ledger has one line more, and what it then says is kept to, as seen from outside.
#[test]
fn the_smallest_ceiling_holds_with_a_report() {
    let folder = folder();
    inputs(&folder);
    for command in COMMANDS.into_iter().filter(|command| !command.starts_with("synth")) {
        for threads in [1, 3] {
            let line = format!("{} -j {threads} --json", command.replace("{o}", "told.out"));
            let without = folder.run(&format!("{line} -m 1GB --explain")).expect(&[0]).figure("/smallest_ceiling");
            let line = format!("{line} --report run.html");
            let plan = folder.run(&format!("{line} -m 1GB --explain")).expect(&[0]);
            let smallest = plan.figure("/smallest_ceiling");
            assert_eq!(smallest, without + 2_000_000, "{command}");
            assert!(!folder.at("run.html").exists(), "a plan has no report");
            let (outcome, seen) = folder.start(&format!("{line} -m {}kB", smallest.div_ceil(1000))).wait_watching();
            let outcome = outcome.expect(&[0]);
            assert!(outcome.figure("/memory/actual_peak") <= smallest, "{outcome}");
            assert!(seen <= smallest.div_ceil(1000) * 1000, "{seen} bytes were seen, {smallest} were told\n{outcome}");
            page(&folder, "run.html");
            folder.remove(&["told.out", "run.html"]);
        }
    }
}

#[test]
fn a_run_that_was_killed_leaves_no_half_page_and_a_resumed_one_tells_what_was_done_before() {
    let folder = folder();
    folder.telemetry("in.csv", "--size 20MB --sensors 500 --shuffle");
    let line =
        "sensor ingest in.csv -o lake --schema schema.toml --partition day -m 44MB -j 1 --report run.html --json";
    let (mut kills, mut resumed) = (0, 0);
    for point in (40..2_000).step_by(40) {
        let resume = if kills > 0 { "--resume" } else { "" };
        let outcome = folder.run_with_fault(&format!("{line} {resume}"), &format!("kill-kept:{point}"));
        if outcome.signal.is_none() {
            resumed = outcome.expect(&[0]).figure("/chunks/skipped_by_resume");
            break;
        }
        kills += 1;
        assert!(!folder.at("run.html").exists(), "a page of a run that was killed");
        if folder.at("lake").exists() {
            resumed = folder.run(&format!("{line} --resume")).expect(&[0]).figure("/chunks/skipped_by_resume");
            break;
        }
    }
    assert!(kills > 1, "never killed");
    let (page, record) = page(&folder, "run.html");
    let before: u64 = record["stages"].as_array().expect("stages").iter().filter_map(|it| it["skipped"].as_u64()).sum();
    assert_eq!(before, resumed);
    assert!(page.contains("complete"));
    let strays: Vec<String> = folder.names().into_iter().filter(|name| name.contains(".partial")).collect();
    assert!(strays.is_empty(), "{strays:?}");
}

#[test]
fn a_report_takes_no_place_but_that_of_a_report() {
    let folder = folder();
    folder.telemetry("in.csv", "--rows 500");
    let line = "sensor ingest in.csv -o lake --schema schema.toml --report";
    folder.write("notes.html", b"<html>mine</html>");
    folder.write("file", b"x");
    std::os::unix::fs::symlink("notes.html", folder.at("link.html")).expect("a link");
    for (report, code, words) in [
        ("in.csv", 6, "is no report"),
        ("notes.html", 6, "is no report"),
        ("link.html", 6, "no file"),
        ("file/run.html", 6, "a part of the path is a file"),
        (".", 2, "no file for a report"),
        ("-", 2, "no file for a report"),
        ("lake", 2, "in the output"),
        ("lake/run.html", 2, "in the output"),
        ("./x/../lake/run.html", 2, "in the output"),
    ] {
        let outcome = folder.run(&format!("{line} {report} --json")).expect(&[code]);
        assert!(outcome.error_text().contains(words), "{report}\n{outcome}");
        assert!(!folder.at("lake").exists(), "{report}");
    }
    assert_eq!(folder.read("notes.html"), b"<html>mine</html>");
    // An empty file is nothing, a report is replaced, and a folder is made.
    folder.write("run.html", b"");
    for report in ["run.html", "run.html", "new/folder/run.html"] {
        folder.run(&format!("{line} {report} --overwrite")).expect(&[0]);
        page(&folder, report);
    }
}

/// The output is what counts: that its report cannot be written is told, and is no failure.
#[test]
fn a_page_that_cannot_be_written_in_the_end_is_a_warning() {
    let folder = folder();
    folder.telemetry("in.csv", "--size 20MB --shuffle");
    let line = "sensor ingest in.csv -o lake --schema schema.toml -m 64MB --report out/run.html --json";
    let running = folder.start(line);
    // What stands in the way comes while it runs.
    std::thread::sleep(std::time::Duration::from_millis(30));
    folder.write("out/run.html", b"somebody's");
    let outcome = running.wait().expect(&[0]);
    assert!(outcome.stderr.contains("warning: the report could not be written"), "{outcome}");
    assert_eq!(folder.read("out/run.html"), b"somebody's");
    assert!(folder.at("lake").is_dir());
}

/// Whatever fails, there is a whole page or none, and the exit code speaks of the output.
#[test]
fn faults_leave_a_whole_page_or_none() {
    let folder = folder();
    folder.run("synth raster -o a.tif --size 300x200 -q").expect(&[0]);
    let (mut without, mut pages) = (0, 0);
    for number in 1..60 {
        let line = "raster convert a.tif -o out.tif --report run.html -m 64MB --overwrite";
        let outcome = folder.run_with_fault(line, &format!("enospc:{number}")).expect(&[0, 6]);
        assert_eq!(outcome.code == Some(0), folder.at("out.tif").exists(), "{outcome}");
        if folder.at("run.html").exists() {
            let record = page(&folder, "run.html").1;
            assert_eq!(record["exit"].as_i64(), outcome.code.map(i64::from), "{outcome}");
            pages += 1;
        } else {
            assert!(outcome.stderr.contains("the report could not be written"), "{outcome}");
            without += i32::from(outcome.code == Some(0));
        }
        folder.remove(&["out.tif", "run.html", ".out.tif.partial"]);
    }
    assert!(without > 2 && pages > 10, "{without} without a page, {pages} with one");
    // What could not be removed is the next one's to remove.
    folder.run("raster convert a.tif -o out.tif --report run.html -m 64MB").expect(&[0]);
    assert_eq!(folder.names(), ["a.tif", "out.tif", "run.html", "schema.toml"]);
}

#[test]
fn reports_are_read_back_and_held_against_each_other() {
    let folder = folder();
    folder.telemetry("in.csv", "--size 4MB");
    folder.ingest("in.csv -o a --report a.html -m 200MB");
    folder.ingest("in.csv -o b --report b.html -m 64MB");
    let text = folder.run("report a.html").expect(&[0]).stdout;
    for wanted in ["swath sensor ingest in.csv -o a", "complete", "ceiling 200 MB", "route", "rows read"] {
        let found = text.contains(wanted) || wanted == "rows read" && text.contains(" read: ");
        assert!(found, "{wanted} in {text}");
    }
    let record = folder.run("report a.html --json").expect(&[0]).json();
    assert_eq!(record, page(&folder, "a.html").1);
    folder.write("a.json", record.to_string().as_bytes());
    for run in ["a.html", "a.json"] {
        folder.run(&format!("report {run} -o again.html")).expect(&[0]);
        assert!(folder.read("again.html") == folder.read("a.html"), "another page of {run}");
    }
    let diff = folder.run("report a.html --diff b.html").expect(&[0]).stdout;
    for wanted in ["wall time", "processor time", "memory, predicted", "scratch", "route, wall", "200 MB", "64 MB"] {
        assert!(diff.contains(wanted), "{wanted} in {diff}");
    }
    let same = folder.run("report a.html --diff a.html --json").expect(&[0]).json();
    assert_eq!((same["worse"].as_u64(), same["status"].as_str()), (Some(0), Some("complete")));
    // Made worse by hand.
    let mut worse = record;
    worse["time"]["wall_s"] = 1000.into();
    folder.write("worse.json", worse.to_string().as_bytes());
    let diff = folder.run("report a.html --diff worse.json").expect(&[0]).stdout;
    let line = diff.lines().find(|line| line.starts_with("wall time")).expect("a line").to_string();
    assert!(line.ends_with("worse") && diff.ends_with("1 figure is worse by more than 10 %\n"), "{diff}");
}

#[test]
fn what_is_no_report_is_refused() {
    let folder = folder();
    folder.telemetry("in.csv", "--rows 500");
    folder.ingest("in.csv -o lake --report run.html");
    let good = String::from_utf8(folder.read("run.html")).expect("UTF-8");
    let json = folder.run("report run.html --json").expect(&[0]).json();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut json = json.clone();
        change(&mut json);
        json.to_string()
    };
    let cut = good.len() - good.len() / 20;
    for (name, text) in [
        ("cut.html", good[..good.floor_char_boundary(cut)].to_string()),
        ("other.html", "<!DOCTYPE html><html></html>".into()),
        ("empty.html", String::new()),
        ("broken.html", good.replace("\"samples\"", "\"sample\"")),
        ("half.json", "{\"format\": \"swath report\"".into()),
        ("foreign.json", "{\"a\": 1}".into()),
        ("newer.json", with(&|json| json["version"] = 2.into())),
        ("type.json", with(&|json| json["time"]["wall_s"] = "long".into())),
    ] {
        folder.write(name, text.as_bytes());
        let outcome = folder.run(&format!("report {name}")).expect(&[5]);
        assert!(outcome.stderr.contains(name) && outcome.stderr.contains("hint: "), "{outcome}");
    }
    folder.run("report nowhere.html").expect(&[5]);
    folder.run("report .").expect(&[5]);
    // Figures that no run has are drawn as well as may be, and quickly.
    let huge = with(&|json| {
        json["grids"] = serde_json::json!([["route", {"Rows": {"grid": {"rows": 1, "columns": 1}, "block": {"rows": 0, "columns": 0}}}],
            ["rank", {"Squares": {"grid": {"rows": 4_000_000_000u32, "columns": 4_000_000_000u32}, "block": {"rows": 1, "columns": 1}}}]]);
        json["time"]["wall_s"] = 1e300.into();
        json["chunks"] =
            serde_json::json!([[99, 5, 2, -1e300, 1e300, 1e300, 0, u64::MAX, 0], [0, 0, u64::MAX, 0, 0, 0, 0, 0, 1]]);
        json["cuts"] =
            serde_json::json!([{"stage": 99, "at_s": 1e300, "first": u64::MAX, "pieces": 0, "reason": "<b>"}]);
    });
    folder.write("huge.json", huge.as_bytes());
    folder.run("report huge.json -o huge.html").expect(&[0]);
    page(&folder, "huge.html");
}

/// A batch has a page of its jobs, and each job one of its own where its words say so.
#[test]
fn a_batch_has_one_and_its_jobs_too() {
    let folder = folder();
    for seed in 1..=5 {
        folder.run(&format!("synth raster -o in/{seed}.tif --size 300x200 --seed {seed} -q")).expect(&[0]);
    }
    folder.write("in/9.tif", b"no raster");
    let jobs: String = ["1", "2", "3", "4", "5", "9"]
        .iter()
        .map(|name| {
            format!("[[job]]\nrun = \"raster convert in/{name}.tif -o out/{name}.tif --report pages/{name}.html\"\n")
        })
        .collect();
    folder.write("jobs.toml", jobs.as_bytes());
    let outcome = folder.run("batch jobs.toml -m 300MB -j 2 --report batch.html --json").expect(&[9]);
    let (text, record) = page(&folder, "batch.html");
    assert_eq!((record["status"].as_str(), record["exit"].as_u64()), (Some("set_aside"), Some(9)));
    assert_eq!(record["batch"]["counts"], outcome.json()["jobs"]);
    assert_eq!(record["batch"]["attempts"].as_array().map(Vec::len), Some(6));
    assert!(text.contains("The longest jobs") && text.contains("out/9.tif") && text.contains("5 of 6"));
    for name in ["1", "2", "3", "4", "5"] {
        let record = page(&folder, &format!("pages/{name}.html")).1;
        let words: Vec<&str> = record["words"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
        assert_eq!(words[..3], ["swath", "raster", "convert"]);
    }
    assert_eq!(page(&folder, "pages/9.html").1["exit"].as_u64(), Some(5));
    assert!(folder.run("report batch.html").expect(&[0]).stdout.contains("6 jobs: 5 done, 1 set aside"));
}

/// A signal ends a run, and its report says so.
#[test]
fn a_run_that_is_stopped_has_one() {
    let folder = folder();
    folder.telemetry("in.csv", "--size 60MB --shuffle");
    let line = "sensor ingest in.csv -o lake --schema schema.toml -m 64MB -j 1 --report run.html --json";
    let mut running = folder.start(line);
    std::thread::sleep(std::time::Duration::from_millis(150));
    running.interrupt();
    let outcome: Outcome = running.wait().expect(&[0, 75]);
    let record = page(&folder, "run.html").1;
    let wanted = if outcome.code == Some(75) { "stopped" } else { "complete" };
    assert_eq!(record["status"].as_str(), Some(wanted));
}
