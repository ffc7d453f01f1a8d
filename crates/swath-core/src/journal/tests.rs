//! The journal: what survives a torn tail, what is refused, and that nothing is claimed before it is synced.
#![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]

use std::cell::Cell;
use std::fs;

use serde_json::json;

use super::*;
use crate::TaskKey;

fn key(stage: u16, units: std::ops::Range<u64>) -> TaskKey {
    TaskKey { stage, units }
}

fn no_sync() -> io::Result<()> {
    Ok(())
}

fn identity() -> serde_json::Value {
    json!({
        "version": "0.1.0",
        "options": {"partition": "day", "sort": ["sensor"]},
        "inputs": [{"path": "a.csv", "size": 100, "contents": "04fa"}, {"path": "b.csv", "size": 7}],
    })
}

#[test]
fn receipts_and_notes_come_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), &identity()).unwrap();
    journal.append_note("texts", b"\xff\x00oslo").unwrap();
    journal.record(&Receipt::new(key(0, 4..9), &("spill-4", 17u64)).unwrap()).unwrap();
    journal.flush(&no_sync).unwrap();
    journal.record(&Receipt::from_bytes(key(1, 0..1), vec![0, 255, b'\n'])).unwrap();
    journal.append_note("", b"").unwrap();
    journal.record(&Receipt::new(key(0, 0..4), &()).unwrap()).unwrap();
    journal.flush(&no_sync).unwrap();
    drop(journal);
    let (journal, receipts) = Journal::open(folder.path(), &identity()).unwrap();
    let note = |kind: &str, payload: &[u8]| Note { kind: kind.into(), payload: payload.into() };
    assert_eq!(journal.take_notes(), [note("texts", b"\xff\x00oslo"), note("", b"")]);
    assert_eq!(journal.take_notes(), []);
    assert_eq!((receipts.done(), receipts.skipped_by_resume()), (3, 3));
    assert_eq!(receipts.get(0, 8).unwrap().read::<(String, u64)>().unwrap(), ("spill-4".into(), 17));
    assert_eq!(receipts.get(1, 0).unwrap().payload(), [0, 255, b'\n']);
    assert!(receipts.get(1, 0).unwrap().read::<u64>().is_err());
    journal.record(&Receipt::new(key(1, 1..2), &()).unwrap()).unwrap();
    journal.flush(&no_sync).unwrap();
    drop(journal);
    let (_, receipts) = Journal::open(folder.path(), &identity()).unwrap();
    assert_eq!(receipts.done(), 4);
}

#[test]
fn a_journal_cut_at_any_byte_gives_what_was_whole() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), &identity()).unwrap();
    let path = folder.path().join(FILE);
    let head = fs::metadata(&path).unwrap().len();
    let mut ends = vec![head];
    for unit in 0..6u64 {
        journal.record(&Receipt::new(key(0, unit..unit + 1), &"x".repeat(unit as usize)).unwrap()).unwrap();
        journal.flush(&no_sync).unwrap();
        ends.push(fs::metadata(&path).unwrap().len());
    }
    drop(journal);
    let whole = fs::read(&path).unwrap();
    for cut in head..=whole.len() as u64 {
        // Cut short, or with a tail of zeros as some file systems leave it, or with one damaged byte.
        let short = whole[..cut as usize].to_vec();
        let mut zeros = short.clone();
        zeros.resize(whole.len(), 0);
        let mut damaged = whole.clone();
        if let Some(byte) = damaged.get_mut(cut as usize) {
            *byte ^= 0x40;
        }
        for (bytes, intact) in [(short, cut), (zeros, cut), (damaged, cut)] {
            fs::write(&path, &bytes).unwrap();
            let (journal, receipts) = Journal::open(folder.path(), &identity()).unwrap();
            let expect = ends.iter().filter(|&&end| end <= intact).count() as u64 - 1;
            assert_eq!(receipts.done(), expect, "cut at {cut}");
            assert_eq!(receipts.missing(0, 6), if expect < 6 { vec![expect..6] } else { vec![] });
            // What is written next is found behind what was whole (tried now and then, since it syncs).
            if !cut.is_multiple_of(5) {
                continue;
            }
            journal.record(&Receipt::new(key(3, 0..1), &()).unwrap()).unwrap();
            journal.flush(&no_sync).unwrap();
            drop(journal);
            let (_, receipts) = Journal::open(folder.path(), &identity()).unwrap();
            assert_eq!((receipts.done(), receipts.covers(3, 0)), (expect + 1, true));
        }
    }
}

#[test]
fn a_journal_that_died_while_it_was_begun_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(UNFINISHED_FILE), b"half a he").unwrap();
    assert!(!Journal::exists(folder.path()));
    let (journal, receipts) = Journal::open(folder.path(), &identity()).unwrap();
    assert_eq!(receipts.done(), 0);
    assert!(Journal::exists(folder.path()) && journal.is_recording());
    drop(journal);
    fs::write(folder.path().join(FILE), b"not a journal").unwrap();
    let error = Journal::open(folder.path(), &identity()).err().unwrap();
    assert_eq!(error.hint().unwrap(), "--overwrite begins anew");
    // Beginning anew is always possible.
    Journal::create(folder.path(), &identity()).unwrap();
}

#[test]
fn another_identity_is_refused_with_the_field() {
    let check = |change: &dyn Fn(&mut serde_json::Value), expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        drop(Journal::create(folder.path(), &identity()).unwrap());
        let mut other = identity();
        change(&mut other);
        match Journal::open(folder.path(), &other) {
            Err(error @ Error::OutputExists { .. }) => {
                let text = error.to_string();
                let (_, words) = text.split_once("cannot be resumed: ").unwrap();
                assert_eq!(words, expect);
                assert_eq!(error.exit_code(), 6);
            }
            Err(other) => panic!("{other}"),
            Ok(_) => assert_eq!(expect, ""),
        }
    };
    check(&|_| {}, "");
    check(&|other| other["version"] = json!("0.2.0"), r#"version was "0.1.0", now "0.2.0""#);
    check(&|other| other["options"]["partition"] = json!("hour"), r#"options.partition was "day", now "hour""#);
    check(&|other| other["options"]["where"] = json!(1), "options.where was not set, now 1");
    check(&|other| other["options"]["sort"] = json!([]), "options.sort had 1 entries, now 0");
    check(&|other| other["inputs"][1]["size"] = json!(8), "b.csv has changed: size (7, now 8)");
    check(&|other| other["inputs"][1]["path"] = json!("c.csv"), "inputs[1] was b.csv, now c.csv");
    let was = json!({"options": {"schema": "[csv]\nquote = 1\n[dedup]\nkeep = \"last\"\n"}});
    let mut is = was.clone();
    is["options"]["schema"] = json!("[csv]\nquote = 1\n[dedup]\nkeep = \"first\"\n");
    let told = crate::difference(&was, &is).unwrap();
    assert_eq!(told, r#"options.schema [dedup] was "keep = \"last\"", now "keep = \"first\"""#);
    let more = |other: &mut serde_json::Value| {
        other["inputs"][0]["contents"] = json!("04fb");
        other["inputs"][0]["size"] = json!(101);
    };
    check(&more, "a.csv has changed: size (100, now 101), contents");
    let both = |other: &mut serde_json::Value| {
        other["inputs"][0]["size"] = json!(1);
        other["inputs"][1]["size"] = json!(2);
    };
    check(&both, "a.csv has changed: size (100, now 1) (1 more differ)");
    let long = |other: &mut serde_json::Value| other["version"] = json!("9".repeat(200));
    check(&long, &format!(r#"version was "0.1.0", now "{}…"#, "9".repeat(79)));
}

#[test]
fn floats_come_back_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let hashed = |number: u64| f64::from_bits(crate::Fnv64::of(&number.to_le_bytes()));
    let places = |number: u64| hashed(number) % 180.0;
    let floats: Vec<f64> =
        (0..20_000).flat_map(|number| [hashed(number), places(number)]).filter(|x| x.is_finite()).collect();
    let identity = json!({ "bbox": floats });
    let journal = Journal::create(folder.path(), &identity).unwrap();
    journal.record(&Receipt::new(key(0, 0..1), &floats).unwrap()).unwrap();
    journal.flush(&|| Ok(())).unwrap();
    drop(journal);
    let (_, receipts) = Journal::open(folder.path(), &identity).unwrap();
    let back: Vec<f64> = receipts.get(0, 0).unwrap().read().unwrap();
    assert!(back.iter().zip(&floats).all(|(back, float)| back.to_bits() == float.to_bits()));
    assert_eq!(back.len(), floats.len());
}

#[test]
fn nothing_is_claimed_before_it_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), &identity()).unwrap();
    let path = folder.path().join(FILE);
    let size = || fs::metadata(&path).unwrap().len();
    let empty = size();
    journal.record(&Receipt::new(key(0, 0..1), &()).unwrap()).unwrap();
    assert_eq!(size(), empty);
    assert!(journal.queued() > Bytes::ZERO);
    let synced = Cell::new(0);
    journal
        .flush(&|| {
            assert_eq!(size(), empty, "the journal is written after the scratch");
            // What comes in during the sync was perhaps written after it began: it waits for the next flush.
            journal.record(&Receipt::new(key(0, 1..2), &()).unwrap()).map_err(io::Error::other)?;
            synced.set(synced.get() + 1);
            Ok(())
        })
        .unwrap();
    let one = size();
    assert!(one > empty && journal.queued() > Bytes::ZERO);
    journal.flush(&no_sync).unwrap();
    assert_eq!((size() - one, journal.queued()), (one - empty, Bytes::ZERO));
    journal.flush(&|| panic!("nothing is queued, so nothing needs a sync")).unwrap();
    assert_eq!(synced.get(), 1);
}

#[test]
fn after_a_failed_sync_nothing_is_claimed_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), &identity()).unwrap();
    journal.record(&Receipt::new(key(0, 0..1), &()).unwrap()).unwrap();
    let error = journal.flush(&|| Err(io::Error::from(io::ErrorKind::StorageFull))).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some(crate::MAKE_ROOM), "{error}");
    journal.record(&Receipt::new(key(0, 1..2), &()).unwrap()).unwrap();
    assert!(journal.flush(&no_sync).is_err());
    drop(journal);
    assert_eq!(Journal::open(folder.path(), &identity()).unwrap().1.done(), 0);
}

#[test]
fn a_second_opening_is_refused_and_names_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = Journal::create(folder.path(), &identity()).unwrap();
    let words = format!("{}: another run is writing it, process {}", folder.path().display(), std::process::id());
    assert_eq!(Journal::open(folder.path(), &identity()).err().unwrap().to_string(), words);
    assert_eq!(Journal::create(folder.path(), &identity()).err().unwrap().to_string(), words);
    drop(first);
    assert!(Journal::open(folder.path(), &identity()).is_ok());
}

#[test]
fn no_journal_records_nothing() {
    let journal = Journal::none();
    journal.record(&Receipt::new(key(0, 0..1), &()).unwrap()).unwrap();
    journal.append_note("texts", b"x").unwrap();
    journal.flush(&|| panic!("nothing to sync for")).unwrap();
    assert_eq!((journal.queued(), journal.take_notes().len(), journal.is_recording()), (Bytes::ZERO, 0, false));
}

#[test]
fn receipts_cover_units_once() {
    let mut receipts = Receipts::new();
    let check = |receipts: &mut Receipts, stage, units: std::ops::Range<u64>, expect: bool| {
        let outcome = receipts.insert(Receipt::new(key(stage, units.clone()), &()).unwrap());
        assert_eq!(outcome.is_ok(), expect, "stage {stage}, {units:?}");
    };
    check(&mut receipts, 0, 10..20, true);
    check(&mut receipts, 0, 0..5, true);
    for (units, expect) in [(19..30, false), (10..11, false), (5..11, false), (0..40, false), (12..12, false)] {
        check(&mut receipts, 0, units, expect);
    }
    check(&mut receipts, 0, 5..7, true);
    check(&mut receipts, 1, 0..40, true);
    let covered: Vec<u64> = (0..25).filter(|&unit| receipts.covers(0, unit)).collect();
    assert_eq!(covered, (0..7).chain(10..20).collect::<Vec<_>>());
    for (total, expect) in [(0, vec![]), (7, vec![]), (9, vec![7..9]), (10, vec![7..10]), (25, vec![7..10, 20..25])] {
        assert_eq!(receipts.missing(0, total), expect, "of {total}");
    }
    assert_eq!(receipts.missing(5, 2), vec![0..2]);
    let firsts: Vec<u64> = receipts.of_stage(0).map(|receipt| receipt.key.units.start).collect();
    assert_eq!((firsts, receipts.count_of_stage(0), receipts.done()), (vec![0, 5, 10], 3, 4));
    assert_eq!(receipts.skipped_by_resume(), 0);
}

#[test]
fn a_hundred_thousand_receipts() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), &identity()).unwrap();
    for unit in 0..100_000u64 {
        journal.record(&Receipt::new(key(0, unit..unit + 1), &(unit, "spill/000017.run", 4096u64)).unwrap()).unwrap();
        if unit % 30_000 == 0 {
            journal.flush(&no_sync).unwrap();
        }
    }
    journal.flush(&no_sync).unwrap();
    drop(journal);
    let (_, receipts) = Journal::open(folder.path(), &identity()).unwrap();
    assert_eq!((receipts.done(), receipts.missing(0, 100_000)), (100_000, vec![]));
    let size = fs::metadata(folder.path().join(FILE)).unwrap().len();
    assert!(size < 100_000 * 80, "{size} bytes on disk");
}
