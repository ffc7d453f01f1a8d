//! The budget's books against what the operating system measures; alone in its process, since it measures it.
#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

use swath_core::{Budget, Buffer, Bytes, ResidentSet, Stop, resident_now};

const MB: u64 = 1_000_000;

#[test]
fn what_is_booked_is_what_is_resident() {
    let budget = Budget::new(Bytes(300 * MB));
    let start = resident_now().0;
    let grown = || resident_now().0.saturating_sub(start);
    let near = |expect: u64| {
        let got = grown();
        assert!(got.abs_diff(expect) < 3 * MB, "{got} resident, {expect} expected");
    };
    let lease = budget.lease(Bytes(100 * MB), &Stop::new()).unwrap();
    near(0);
    let mut buffers: Vec<Buffer<u8>> = (0..20).map(|_| lease.buffer(5_000_000).unwrap()).collect();
    near(0);
    buffers.iter_mut().for_each(|buffer| buffer.fill(1));
    near(100 * MB);
    drop(lease);
    near(100 * MB);
    // Cutting gives pages back at once; dropping keeps them for the next, and they stay counted.
    buffers.iter_mut().for_each(|buffer| buffer.truncate(1_000_000));
    near(20 * MB);
    drop(buffers);
    assert_eq!((budget.leased(), budget.idle()), (Bytes::ZERO, Bytes(20 * MB)));
    near(20 * MB);
    budget.drop_idle(Bytes(20 * MB));
    near(0);

    // Tasks of changing shape under one ceiling never take more than the most that was ever leased.
    for round in 0..16usize {
        let lease = budget.lease(Bytes(100 * MB), &Stop::new()).unwrap();
        let length = 300_000 + 430_000 * round;
        let mut buffers: Vec<Buffer<u8>> =
            (0..100 * MB as usize / length).map(|_| lease.buffer(length).unwrap()).collect();
        buffers.iter_mut().for_each(|buffer| buffer.fill(2));
        assert!(grown() < 103 * MB, "round {round}: {}", grown());
    }
    assert_eq!(budget.high_water(), Bytes(100 * MB));
    assert!(budget.idle() <= Bytes(100 * MB));
    budget.reclaim(Bytes(u64::MAX));
    near(0);
    assert!(ResidentSet::now().peak.0 >= start + 97 * MB);
}
