//! The counting allocator in a program of its own: what it counts, and how it ends when memory cannot be had.
#![allow(clippy::unwrap_used)]

use std::alloc::System;
use std::process::Command;

use swath_core::{Budget, Bytes, Error, Stop, counting};

#[global_allocator]
static ALLOCATOR: counting::CountingAllocator<System> = counting::CountingAllocator::new(System);

const MIB: u64 = 1 << 20;

/// A child's part, chosen by the environment.
#[test]
#[ignore = "started by the other tests"]
fn child() {
    match std::env::var("PART").unwrap().as_str() {
        "vector" => {
            counting::fail_large(2);
            let first = vec![1u8; 100_000];
            let small = vec![2u8; 1000];
            println!("\nfirst {} {}", first[7], small[7]);
            println!("second {}", vec![3u8; 100_000][7]);
        }
        "limit" => {
            let limit = libc_limit();
            println!("\nlimit {limit}");
            let huge: Vec<Vec<u8>> = (0..1000).map(|_| vec![1u8; 1 << 20]).collect();
            println!("second {}", huge.len());
        }
        other => panic!("{other}"),
    }
}

/// Allows this process little data, as `ulimit -d` does.
fn libc_limit() -> u64 {
    let limit = rustix::process::Rlimit { current: Some(200 * MIB), maximum: Some(200 * MIB) };
    rustix::process::setrlimit(rustix::process::Resource::Data, limit).unwrap();
    200 * MIB
}

fn run(part: &str) -> std::process::Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env("PART", part).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_failed_allocation_ends_with_a_line_and_exit_code_4() {
    let ceiling =
        "error: memory could not be allocated under the ceiling\nhint: a larger --memory, or fewer --threads\n";
    let system = "a smaller --memory, fewer --threads or a higher limit\n";
    for (part, said, expect) in [("vector", "first 1 2", ceiling), ("limit", "limit 209715200", system)] {
        let output = run(part);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(4), "{part}: {out} {err}");
        assert!(out.contains(said) && !out.contains("second"), "{out}");
        assert!(err.ends_with(expect), "{err}");
    }
}

// One test, since the counters are the whole process's.
#[test]
fn live_bytes_are_counted_within_a_batch_per_thread() {
    let near = |bytes: Bytes, expect: u64| bytes.0.abs_diff(expect) <= 4 * (64 << 10);
    let before = counting::live().0;
    let block = vec![0u8; 10 << 20];
    let small: Vec<Box<[u8; 100]>> = (0..50_000).map(|_| Box::new([1; 100])).collect();
    let many = 5_000_000 + 400_000;
    assert!(near(counting::live(), before + 10 * MIB + many), "{}", counting::live());
    let threads: Vec<_> = (0..20)
        .map(|_| {
            std::thread::spawn(|| {
                let mut grown = Vec::new();
                (0..300_000u32).for_each(|item| grown.push(item));
                drop(grown);
                counting::flush_thread();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(near(counting::live(), before + 10 * MIB + many), "{}", counting::live());
    assert!(counting::peak() >= counting::live());
    drop((block, small));
    assert!(near(counting::live(), before), "{}", counting::live());
    counting::reset_peak();
    assert!(near(counting::peak(), before));

    // Buffers of the budget are pages: not counted, but failed on purpose like everything that is large.
    let budget = Budget::new(Bytes(10 * MIB));
    let lease = budget.lease(Bytes(10 * MIB), &Stop::new()).unwrap();
    counting::fail_large(2);
    let first = lease.buffer::<u8>(5 << 20).unwrap();
    assert!(near(counting::live(), before));
    let error = lease.buffer::<u8>(5 << 20).unwrap_err();
    assert!(matches!(error, Error::MemoryRefused { wanted: Bytes(5_242_880), .. }), "{error}");
    assert_eq!(lease.used(), first.bytes(), "what could not be had is not booked");
    assert!(lease.buffer::<u8>(5 << 20).is_ok());
}
