//! A full and a broken disk at every point where the program writes, and all other faults at some: a clear error, nothing
//! half-written, and a way on.

use swath_testkit::trial::verbs::{self, Wishes};
use swath_testkit::{Folder, Outcome, Tree};

/// Fails point after point until a run passes; `stride` leaves some out where they are many and alike.
fn check(options: &str, words: &str, kind: &str, stride: fn(u64) -> u64, at_least: u64) {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", options);
    let job = format!("sensor ingest in.csv -o lake --schema schema.toml {words} --json");
    folder.run(&job).expect(&[0]);
    let wanted = Tree::of(&folder.at("lake"));
    folder.remove(&["lake"]);
    let (mut nth, mut failed) = (1, 0);
    loop {
        let outcome = folder.run_with_fault(&job, &format!("{kind}:{nth}"));
        if outcome.code == Some(0) {
            break;
        }
        let outcome = outcome.expect(&[6]);
        failed += 1;
        names_a_path(&outcome);
        assert!(!folder.at("lake").exists(), "something stands at the final path\n{outcome}");
        // Both ways on lead to the same lake.
        let way = if nth % 2 == 0 { "--resume" } else { "--overwrite" };
        folder.run(&format!("{job} {way}")).expect(&[0]).rows();
        wanted.assert_same(&Tree::of(&folder.at("lake")), &format!("{way} after {kind}:{nth} ({words})"));
        let strays: Vec<String> = folder.names().into_iter().filter(|name| name.starts_with(".lake")).collect();
        assert!(strays.is_empty(), "{way} after {kind}:{nth} left {strays:?}");
        folder.remove(&["lake"]);
        nth += stride(nth);
        assert!(nth < 20_000, "points without end");
    }
    wanted.assert_same(&Tree::of(&folder.at("lake")), &format!("{kind}:{nth}, past the last point"));
    assert!(failed >= at_least, "{kind} ({words}): only {failed} points failed, of {nth}");
}

fn names_a_path(outcome: &Outcome) {
    let text = outcome.error_text();
    assert!(text.contains("lake"), "the error names no path\n{outcome}");
    assert!(text.len() < 1000, "the error is no sentence\n{outcome}");
}

const SMALL: &str = "--size 1MB --sensors 20 --period 1min --conflicts 0.01 --malformed 0.002";

#[test]
fn a_full_disk_at_every_point() {
    check(SMALL, "--partition day -m 64MB -j 1", "enospc", |_| 1, 20);
}

#[test]
fn a_broken_disk_at_every_point() {
    check(SMALL, "--partition day -m 64MB -j 1", "eio", |_| 1, 20);
}

/// Here there is scratch to be written too, so there are many points that are alike.
#[test]
fn a_full_disk_while_spilling() {
    let many = "--size 24MB --sensors 300 --shuffle --conflicts 0.02";
    let stride = |nth: u64| if nth < 12 { 1 } else { nth / 6 };
    check(many, "--partition day,h3:3 -m 44MB -j 2", "enospc", stride, 15);
}

/// The whole of it is `cargo xtask faults verbs`.
#[test]
fn faults_of_every_kind_at_some_points() {
    let wishes = Wishes { is_quick: true, threads: 2, ..Wishes::default() };
    let rows = verbs::run(env!("CARGO_BIN_EXE_swath"), &wishes, &mut |row| println!("{row}"));
    let wrong: Vec<String> =
        rows.iter().flat_map(|row| row.examples.iter().map(|why| format!("{}: {why}", row.verb))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let refused: u64 = rows.iter().flat_map(|row| row.refused.values()).sum();
    assert!(rows.len() > 30 && refused > 100, "{refused} refusals of {} kinds", rows.len());
}
