//! Blobs in memory, on scratch, and on the way from one to the other.

use super::*;
use crate::{Budget, Stop};

#[test]
fn blobs_read_back_from_memory_and_from_scratch() {
    let folder = std::env::temp_dir().join(format!("swath-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let budget = Budget::new(Bytes(4 << 20));
    let lease = budget.lease(Bytes(1 << 20), &Stop::new()).expect("lease");
    let store = Store::open(&folder.join("scratch"), Some(lease), None).expect("store");
    let mut blobs = Vec::new();
    for n in 0..8u8 {
        let mut writer = store.write(600_000).expect("space");
        for _ in 0..3 {
            writer.append(&vec![n; 100_000]).expect("append");
        }
        writer.append(&vec![n + 1; 300_000]).expect("append");
        blobs.push(writer.finish().expect("finish"));
    }
    assert!(blobs[0].is_volatile() && !blobs[7].is_volatile());
    for (n, blob) in blobs.iter().enumerate() {
        let mut out = [0; 2];
        store.read(blob, 299_999, &mut out).expect("read");
        assert_eq!(out, [n as u8, n as u8 + 1]);
        assert!(store.read(blob, 599_999, &mut out).is_err());
    }
    store.free(&blobs[7]);
    assert!(store.scratch_peak() >= Bytes(600_000));
    std::fs::remove_dir_all(&folder).expect("clean");
}

/// What blobs of 75 kB keep mapped is what they hold, not the pieces that they were written into.
#[cfg(target_os = "linux")]
#[test]
fn small_blobs_keep_no_large_pieces_mapped() {
    let mapped = || {
        let maps = std::fs::read_to_string("/proc/self/statm").expect("statm");
        let pages: u64 = maps.split_whitespace().nth(5).expect("data").parse().expect("pages");
        pages * 4096
    };
    let folder = tempfile::tempdir().expect("folder");
    let budget = Budget::new(Bytes(64 << 20));
    let lease = budget.lease(Bytes(48 << 20), &Stop::new()).expect("lease");
    let store = Store::open(&folder.path().join("scratch"), Some(lease), None).expect("store");
    let before = mapped();
    for number in 0..500u32 {
        let mut writer = store.stream(8 << 20).expect("space");
        writer.append(&vec![number as u8; 75_000]).expect("append");
        let blob = writer.finish().expect("finish");
        assert!(blob.is_volatile(), "{number} fitted no more");
    }
    // Other tests of this process map something, too.
    let grown = mapped().saturating_sub(before);
    assert!(grown < 250 << 20, "{grown} bytes are mapped for 37.5 MB");
}

#[test]
fn a_streamed_blob_moves_to_scratch_when_the_allowance_ends() {
    let folder = std::env::temp_dir().join(format!("swath-stream-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let budget = Budget::new(Bytes(4 << 20));
    let lease = budget.lease(Bytes(2 << 20), &Stop::new()).expect("lease");
    let store = Store::open(&folder.join("scratch"), Some(lease), None).expect("store");
    let text: Vec<u8> = (0..1_300_000u32).map(|n| (n / 7) as u8).collect();
    let mut blobs = Vec::new();
    for step in [1_000, 77_777, 600_000] {
        let mut writer = store.stream(8 << 20).expect("space");
        text.chunks(step).for_each(|bytes| writer.append(bytes).expect("append"));
        blobs.push(writer.finish().expect("finish"));
    }
    // The first fits, the second runs out of allowance half way, the third finds none.
    assert_eq!(blobs.iter().map(Blob::is_volatile).collect::<Vec<_>>(), [true, false, false]);
    for blob in &blobs {
        assert_eq!(blob.length(), text.len() as u64);
        for (from, to) in [(0, text.len()), (262_000, 262_300), (1_299_999, 1_300_000)] {
            let mut out = vec![0; to - from];
            store.read(blob, from as u64, &mut out).expect("read");
            assert!(out == text[from..to], "{from}..{to}");
        }
    }
    std::fs::remove_dir_all(&folder).expect("clean");
}

#[test]
fn damaged_scratch_is_not_adopted() {
    let folder = std::env::temp_dir().join(format!("swath-damaged-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let path = folder.join("scratch");
    let store = Store::open(&path, None, None).expect("store");
    let mut writer = store.write(1_000_000).expect("space");
    (0..1000u32).for_each(|n| writer.append(&[n as u8; 997]).expect("append"));
    let blob = writer.finish().expect("finish");
    let again = || {
        Store::open(&path, None, None).expect("store").adopt(|adopt| {
            adopt(&blob);
            Ok(())
        })
    };
    again().expect("it is as it was");
    let mut bytes = std::fs::read(&path).expect("scratch");
    for at in [0, 500_000, 996_999] {
        bytes[at] ^= 4;
        std::fs::write(&path, &bytes).expect("scratch");
        let error = again().expect_err("one bit is wrong").to_string();
        assert!(error.contains("damaged"), "{error}");
        bytes[at] ^= 4;
    }
    std::fs::write(&path, &bytes[..900_000]).expect("scratch");
    assert!(again().expect_err("it was cut").to_string().contains("gone"));
    std::fs::remove_dir_all(&folder).expect("clean");
}

#[test]
fn kept_blobs_make_room_under_pressure() {
    let folder = std::env::temp_dir().join(format!("swath-spill-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let budget = Budget::new(Bytes(4 << 20));
    let stop = Stop::new();
    let allowance = budget.lease(Bytes(3 << 20), &stop).and_then(|mut lease| lease.keep(Bytes(3 << 20)));
    let store = Arc::new(Store::open(&folder.join("scratch"), Some(allowance.expect("lease")), None).expect("store"));
    let holder: Arc<dyn Reclaim> = Arc::<Store>::clone(&store);
    budget.register(Arc::downgrade(&holder));
    let text: Vec<u8> = (0..1_300_000u32).map(|n| (n / 7) as u8).collect();
    let whole = {
        // Longer than what is written to it, and one that is in pieces.
        let mut writer = store.write(900_000).expect("space");
        writer.append(&text[..700_000]).expect("append");
        writer.finish().expect("finish")
    };
    let mut writer = store.stream(8 << 20).expect("space");
    writer.append(&text).expect("append");
    let pieces = writer.finish().expect("finish");
    assert!(whole.is_volatile() && pieces.is_volatile());
    assert_eq!(store.scratch_peak(), Bytes::ZERO);
    // More than is free beside what is kept: the blobs have to go, and read the same afterwards.
    let lease = budget.lease(Bytes(4_100_000), &stop).expect("what was kept");
    assert!(store.scratch_peak() >= Bytes(2_000_000), "{}", store.scratch_peak());
    for (blob, wanted) in [(&whole, &text[..700_000]), (&pieces, &text[..])] {
        let mut out = vec![0; wanted.len()];
        store.read(blob, 0, &mut out).expect("read");
        assert!(out == wanted);
        store.free(blob);
    }
    drop(lease);
    assert!(store.write(10).expect("space").finish().is_ok_and(|blob| !blob.is_volatile()));
    assert!(store.reclaim(Bytes(1)) == Bytes::ZERO, "there is nothing left to give");
    std::fs::remove_dir_all(&folder).expect("clean");
}

#[test]
fn a_full_disk_leaves_kept_blobs_in_memory() {
    let folder = std::env::temp_dir().join(format!("swath-spill-full-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let budget = Budget::new(Bytes(4 << 20));
    let lease = budget.lease(Bytes(1 << 20), &Stop::new()).expect("lease");
    let store = Store::open(&folder.join("scratch"), Some(lease), Some(Bytes(100_000))).expect("store");
    let mut writer = store.write(500_000).expect("space");
    writer.append(&[7; 500_000]).expect("append");
    let blob = writer.finish().expect("finish");
    // The allowance that nobody used comes back, the blob does not fit the limit on scratch.
    assert_eq!(store.reclaim(Bytes(4 << 20)), Bytes((1 << 20) - 500_000));
    let mut out = [0; 3];
    store.read(&blob, 499_997, &mut out).expect("read");
    assert_eq!(out, [7; 3]);
    std::fs::remove_dir_all(&folder).expect("clean");
}
