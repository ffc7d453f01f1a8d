//! The budget: order, refusal, reclaim, over-asking, and where idle buffers go.
#![allow(clippy::unwrap_used)]

use std::sync::mpsc;
use std::thread;

use super::*;

const KIB: u64 = 1 << 10;

fn budget(ceiling: u64) -> Arc<Budget> {
    Budget::new(Bytes(ceiling))
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn leases_are_granted_in_the_order_of_asking() {
    let budget = budget(100);
    let all = budget.lease(Bytes(100), &Stop::new()).unwrap();
    let (sender, receiver) = mpsc::channel();
    let mut threads = Vec::new();
    // No two of them can be held at once, so they speak in the order of their grants; later ones are smaller.
    for (number, bytes) in [90, 80, 60, 55, 51].into_iter().enumerate() {
        let (waiter, sender) = (Arc::clone(&budget), sender.clone());
        threads.push(thread::spawn(move || {
            let lease = waiter.lease(Bytes(bytes), &Stop::new()).unwrap();
            sender.send(number).unwrap();
            drop(lease);
        }));
        until(|| budget.lock().waiting.len() == number + 1);
    }
    assert!(budget.try_lease(Bytes(1)).is_none(), "nobody overtakes those who wait");
    drop(all);
    drop(sender);
    let order: Vec<usize> = receiver.iter().collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(order, [0, 1, 2, 3, 4]);
    assert_eq!(budget.leased(), Bytes::ZERO);
    assert_eq!(budget.high_water(), Bytes(100));
}

#[test]
fn what_can_never_fit_is_refused_at_once() {
    let check = |fixed: u64, kept: u64, wanted: u64, expect: Option<u64>| {
        let budget = budget(100);
        let _fixed = budget.lease_fixed("tables", Bytes(fixed)).unwrap();
        let mut task = budget.lease(Bytes(kept), &Stop::new()).unwrap();
        let _kept = task.keep(Bytes(kept)).unwrap();
        drop(task);
        let got = match budget.lease_for("route 0..1", Bytes(wanted), &Stop::new()) {
            Ok(_) => None,
            Err(Error::CeilingReached { what, got, .. }) => {
                assert_eq!(what, "route 0..1");
                Some(got.0)
            }
            Err(other) => panic!("{other}"),
        };
        assert_eq!(got, expect, "fixed {fixed}, kept {kept}, wanted {wanted}");
    };
    check(0, 0, 100, None);
    check(0, 0, 101, Some(100));
    check(30, 0, 70, None);
    check(30, 0, 71, Some(70));
    check(30, 30, 40, None);
    // Nobody is registered who could give the kept memory back.
    check(30, 30, 41, Some(40));
}

#[test]
fn a_fixed_lease_is_refused_when_it_is_not_free() {
    let budget = budget(100);
    let _task = budget.lease(Bytes(60), &Stop::new()).unwrap();
    let error = budget.lease_fixed("tables", Bytes(50)).unwrap_err();
    assert_eq!(error.to_string(), "tables asked for 50 B of memory, 40 B was left under the ceiling");
}

#[test]
fn the_stop_flag_wakes_those_who_wait() {
    let budget = budget(100);
    let _all = budget.lease(Bytes(100), &Stop::new()).unwrap();
    let stop = Stop::new();
    let waiter = (Arc::clone(&budget), stop.clone());
    let thread = thread::spawn(move || waiter.0.lease(Bytes(1), &waiter.1).map(drop));
    until(|| budget.lock().waiting.len() == 1);
    stop.raise();
    assert!(matches!(thread.join().unwrap(), Err(Error::Stopped { .. })));
    assert_eq!(budget.lock().waiting.len(), 0);
}

/// Keeps leases and gives them back one by one.
#[derive(Default)]
struct Cache(Mutex<Vec<Lease>>);

impl Reclaim for Cache {
    fn reclaim(&self, want: Bytes) -> Bytes {
        let mut got = Bytes::ZERO;
        let mut kept = self.0.lock().unwrap();
        while got < want
            && let Some(lease) = kept.pop()
        {
            got += lease.bytes();
        }
        got
    }
}

#[test]
fn holders_give_back_what_a_lease_needs() {
    let budget = budget(100);
    let cache = Arc::new(Cache::default());
    budget.register(Arc::downgrade(&cache) as Weak<dyn Reclaim>);
    let gone: Arc<dyn Reclaim> = Arc::new(Cache::default());
    budget.register(Arc::downgrade(&gone));
    drop(gone);
    let mut task = budget.lease(Bytes(80), &Stop::new()).unwrap();
    for _ in 0..4 {
        cache.0.lock().unwrap().push(task.keep(Bytes(20)).unwrap());
    }
    drop(task);
    assert_eq!(budget.leased(), Bytes(80));
    let lease = budget.lease(Bytes(50), &Stop::new()).unwrap();
    assert_eq!(cache.0.lock().unwrap().len(), 2, "30 were missing, so two of 20 went");
    assert_eq!(budget.leased(), Bytes(90));
    assert_eq!(budget.lock().holders.len(), 1, "the dead holder is forgotten");
    drop(lease);
    drop(cache);
    assert_eq!(budget.leased(), Bytes::ZERO);
}

#[test]
fn a_lease_cannot_be_overdrawn() {
    let budget = budget(1 << 20);
    let mut lease = budget.lease(Bytes(300 * KIB), &Stop::new()).unwrap();
    lease.describe("settle 3..4");
    let buffer = lease.buffer::<u64>(16 * 1024).unwrap();
    assert_eq!(lease.used(), Bytes(128 * KIB));
    let charge = lease.charge(Bytes(100 * KIB)).unwrap();
    let check = |error: Error, wanted: u64| match error {
        Error::Pressure { what, wanted: asked, got } => {
            assert_eq!((what.as_str(), asked, got), ("settle 3..4", Bytes(wanted), Bytes(72 * KIB)));
        }
        other => panic!("{other}"),
    };
    check(lease.charge(Bytes(73 * KIB)).unwrap_err(), 73 * KIB);
    check(lease.buffer::<u8>(73 << 10).unwrap_err(), 73 * KIB);
    check(lease.buffer::<u64>(usize::MAX).unwrap_err(), u64::MAX);
    check(lease.keep(Bytes(73 * KIB)).unwrap_err(), 73 * KIB);
    drop(charge);
    assert_eq!(lease.used(), Bytes(128 * KIB));
    let small = lease.buffer::<u8>(172 << 10).unwrap();
    assert_eq!(lease.free(), Bytes::ZERO);
    drop((buffer, small));
    assert_eq!(lease.used(), Bytes::ZERO);
}

#[test]
fn charges_and_leases_change_their_size() {
    let budget = budget(100);
    let mut lease = budget.lease(Bytes(40), &Stop::new()).unwrap();
    let mut charge = lease.charge(Bytes(10)).unwrap();
    charge.resize(Bytes(30)).unwrap();
    assert!(charge.resize(Bytes(41)).is_err());
    assert_eq!((charge.bytes(), lease.used()), (Bytes(30), Bytes(30)));
    lease.shrink(Bytes(5));
    assert_eq!((lease.bytes(), budget.leased()), (Bytes(30), Bytes(30)));
    assert!(lease.try_grow(Bytes(70)));
    assert!(!lease.try_grow(Bytes(1)));
    charge.resize(Bytes(1)).unwrap();
    lease.shrink(Bytes::ZERO);
    assert_eq!(budget.leased(), Bytes(1));
    let kept = charge.keep();
    drop(lease);
    assert_eq!((budget.leased(), kept.bytes()), (Bytes(1), Bytes(1)));
    drop(kept);
    assert_eq!(budget.leased(), Bytes::ZERO);
}

#[test]
fn buffers_outlive_their_lease_and_hold_their_share() {
    let budget = budget(1 << 20);
    let lease = budget.lease(Bytes(500 * KIB), &Stop::new()).unwrap();
    let mut large = lease.buffer::<u32>(50_000).unwrap();
    let small = lease.buffer::<u8>(1000).unwrap();
    large[49_999] = 7;
    drop(lease);
    assert_eq!(budget.leased(), Bytes(201_000));
    assert_eq!((large[49_999], large[0], small[999]), (7, 0, 0));
    let kept = large.keep();
    assert_eq!(budget.lock().kept, 200_000);
    assert_eq!((kept[49_999], kept.len()), (7, 50_000));
    drop(small);
    drop(kept);
    assert_eq!((budget.leased(), budget.lock().kept), (Bytes::ZERO, 0));
    assert_eq!(budget.idle(), Bytes(200_000), "pages are kept for the next buffer");
    assert_eq!(budget.drop_idle(Bytes(1)), Bytes(200_000));
    assert_eq!(budget.idle(), Bytes::ZERO);
}

#[test]
fn a_reused_buffer_is_zero_again_unless_that_is_not_asked() {
    let budget = budget(1 << 20);
    let lease = budget.lease(Bytes(1 << 20), &Stop::new()).unwrap();
    let mut buffer = lease.buffer::<u8>(100_000).unwrap();
    buffer.fill(9);
    let place = buffer.as_ptr();
    drop(buffer);
    let again = lease.buffer_unzeroed::<u8>(99_000).unwrap();
    assert_eq!((again.as_ptr(), again[98_999]), (place, 9), "the same pages, as they were");
    drop(again);
    let again = lease.buffer::<u8>(100_000).unwrap();
    assert_eq!(again.as_ptr(), place);
    assert!(again.iter().all(|&byte| byte == 0));
}

#[test]
fn a_buffer_cut_short_gives_the_rest_back() {
    let budget = budget(1 << 20);
    let lease = budget.lease(Bytes(1 << 20), &Stop::new()).unwrap();
    for (length, cut) in [(200_000, 70_000), (200_000, 1), (1000, 10), (70_000, 0)] {
        let mut buffer = lease.buffer::<u8>(length).unwrap();
        buffer.fill(3);
        buffer.truncate(cut);
        assert_eq!((buffer.len(), lease.used()), (cut, Bytes::from(cut)), "{length} to {cut}");
        assert!(buffer.iter().all(|&byte| byte == 3));
        buffer.truncate(length);
        assert_eq!(buffer.len(), cut);
    }
    assert_eq!(lease.used(), Bytes::ZERO);
}

/// Small steps of a random walk that is the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn buffers_hold_what_a_vector_would() {
    let budget = budget(64 << 20);
    let lease = budget.lease(Bytes(64 << 20), &Stop::new()).unwrap();
    let mut dice = Dice(7);
    let mut pairs: Vec<(Buffer<u16>, Vec<u16>)> = Vec::new();
    for _ in 0..2000 {
        match dice.below(5) {
            0 if pairs.len() < 20 => {
                let length = dice.below(200_000) as usize;
                pairs.push((lease.buffer(length).unwrap(), vec![0; length]));
            }
            1 if !pairs.is_empty() => drop(pairs.swap_remove(dice.below(pairs.len() as u64) as usize)),
            2 if !pairs.is_empty() => {
                let index = dice.below(pairs.len() as u64) as usize;
                let (buffer, twin) = &mut pairs[index];
                let length = dice.below(200_000) as usize;
                buffer.truncate(length);
                twin.truncate(length);
            }
            _ => {
                for (buffer, twin) in pairs.iter_mut().filter(|(_, twin)| !twin.is_empty()) {
                    let (at, value) = (dice.below(twin.len() as u64) as usize, dice.below(65_536) as u16);
                    buffer[at] = value;
                    twin[at] = value;
                }
            }
        }
        let sum: Bytes = pairs.iter().map(|(buffer, _)| buffer.bytes()).sum();
        assert_eq!(sum, lease.used());
    }
    assert!(pairs.iter().all(|(buffer, twin)| **buffer == **twin));
}

#[test]
fn leases_and_idle_buffers_together_never_pass_the_high_water() {
    let budget = budget(16 << 20);
    let mut dice = Dice(3);
    let (mut leases, mut buffers): (Vec<Lease>, Vec<Buffer<u8>>) = (Vec::new(), Vec::new());
    for step in 0..5000 {
        match dice.below(6) {
            0 | 1 => leases.extend(budget.try_lease(Bytes(dice.below(4 << 20)))),
            2 if !leases.is_empty() => drop(leases.swap_remove(dice.below(leases.len() as u64) as usize)),
            3 if !buffers.is_empty() => drop(buffers.swap_remove(dice.below(buffers.len() as u64) as usize)),
            _ => {
                if let Some(lease) = leases.last() {
                    buffers.extend(lease.buffer(dice.below(2 << 20) as usize).ok());
                }
            }
        }
        let state = budget.lock();
        assert!(state.leased + state.pool.bytes() <= state.high_water, "step {step}");
        assert!(state.high_water <= 16 << 20);
    }
    drop((leases, buffers));
    assert_eq!(budget.leased(), Bytes::ZERO);
    assert!(budget.idle() > Bytes::ZERO, "the walk left something to reuse");
}

#[test]
fn capacities_are_pages_and_waste_at_most_an_eighth() {
    for length in (64 << 10..1 << 20).step_by(777).chain([100_000_000, 128 << 20, (128 << 20) + 1]) {
        let capacity = Mapping::capacity_for(length);
        assert!(capacity >= length && capacity.is_multiple_of(mapping::PAGE), "{length}");
        assert!(capacity - length <= length / 8 + mapping::PAGE, "{length} took {capacity}");
    }
}

#[test]
fn a_steady_flow_of_tasks_maps_its_pages_once() {
    let budget = budget(4 << 20);
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let lease = budget.lease(Bytes(4 << 20), &Stop::new()).unwrap();
        let buffers = [lease.buffer::<u8>(2 << 20).unwrap(), lease.buffer::<u8>(2 << 20).unwrap()];
        places.extend(buffers.iter().map(|buffer| buffer.as_ptr() as usize));
    }
    assert_eq!(places.len(), 2, "each lease takes over the buffers of the one before");
}

#[test]
fn idle_buffers_do_not_spare_the_holders_what_a_lease_needs() {
    let budget = budget(1 << 20);
    let cache = Arc::new(Cache::default());
    budget.register(Arc::downgrade(&cache) as Weak<dyn Reclaim>);
    let mut task = budget.lease(Bytes(1 << 20), &Stop::new()).unwrap();
    drop(task.buffer::<u8>(200_000).unwrap());
    cache.0.lock().unwrap().push(task.keep(Bytes(800_000)).unwrap());
    drop(task);
    assert_eq!(budget.idle(), Bytes(200_000));
    let lease = budget.lease(Bytes(400_000), &Stop::new()).unwrap();
    assert!(cache.0.lock().unwrap().is_empty());
    assert_eq!((lease.bytes(), budget.leased()), (Bytes(400_000), Bytes(400_000)));
    cache.0.lock().unwrap().push(budget.lease(Bytes(300_000), &Stop::new()).unwrap());
    // To make the process smaller, idle buffers go first.
    assert_eq!(budget.reclaim(Bytes(150_000)), Bytes(200_000));
    assert_eq!(cache.0.lock().unwrap().len(), 1);
    assert_eq!(budget.reclaim(Bytes(150_000)), Bytes(300_000));
}

#[test]
fn beyond_the_promise_only_where_waiting_is_not_enough() {
    let budget = Budget::new(Bytes(100));
    budget.promise(Bytes(60));
    let first = budget.lease(Bytes(50), &Stop::new()).unwrap();
    assert!(budget.try_lease(Bytes(20)).is_none(), "the ceiling has room, the promise has not");
    let waiting = {
        let budget = Arc::clone(&budget);
        std::thread::spawn(move || budget.lease(Bytes(20), &Stop::new()).map(|lease| lease.bytes()))
    };
    std::thread::sleep(Duration::from_millis(60));
    drop(first);
    assert_eq!(waiting.join().unwrap().unwrap(), Bytes(20));
    assert_eq!(budget.raised(), None, "another task gave back what was missing");
    let mut kept = budget.lease(Bytes(50), &Stop::new()).unwrap().keep(Bytes(50)).unwrap();
    let more = budget.lease(Bytes(20), &Stop::new()).unwrap();
    assert_eq!(budget.raised(), Some(Bytes(70)), "what is kept does not go by itself");
    assert!(kept.grow_or_reclaim(Bytes(25)));
    assert_eq!((budget.raised(), budget.leased()), (Some(Bytes(95)), Bytes(95)));
    assert!(!kept.grow_or_reclaim(Bytes(6)), "beyond the ceiling");
    drop(more);
    assert!(matches!(budget.lease(Bytes(31), &Stop::new()), Err(Error::CeilingReached { got: Bytes(25), .. })));
}
