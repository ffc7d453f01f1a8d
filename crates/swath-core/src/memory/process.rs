//! The limits of the process itself. They count addresses, of which a part is never resident: stacks of threads, what
//! the allocator reserves for each of them, code that is not run.

use std::path::{Path, PathBuf};

use super::{Limit, LimitSource, Own};
use crate::Bytes;

/// What a limit counts beside resident memory once the program works: once, and for each worker. Measured with one to
/// eight workers as `VmPeak` and `VmData` less `VmHWM`, and rounded up.
struct Beside {
    program: Bytes,
    worker: Bytes,
}

const ADDRESSES: Beside = Beside { program: Bytes(48_000_000), worker: Bytes(72_000_000) };
const DATA: Beside = Beside { program: Bytes(24_000_000), worker: Bytes(28_000_000) };

/// The soft limits of the process, and how many of `wanted` workers they leave room for: all of them may have no more
/// than half of what there is, but one there is always.
pub(super) fn limits(root: &Path, own: &Own, wanted: usize) -> (Vec<Limit>, Option<usize>) {
    let path = PathBuf::from("/proc/self/limits");
    let Ok(text) = std::fs::read_to_string(root.join("proc/self/limits")) else {
        return (Vec::new(), None);
    };
    let rows = [
        ("Max address space", LimitSource::AddressSpace, own.address_space, ADDRESSES),
        ("Max data size", LimitSource::DataSize, own.data, DATA),
    ];
    let mut rooms = Vec::new();
    let mut workers_max: Option<usize> = None;
    for (name, source, mapped, beside) in rows {
        let soft = text.lines().find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next()?.parse().ok());
        if let Some(total) = soft.map(Bytes) {
            // What is mapped and not resident stands in the way of new memory.
            let room = total - (mapped - own.resident) - beside.program;
            let fit = (room.0 / 2 / beside.worker.0).max(1) as usize;
            workers_max = Some(workers_max.map_or(fit, |max| max.min(fit)));
            rooms.push((source, total, room, beside.worker));
        }
    }
    let workers = workers_max.map_or(wanted, |max| max.min(wanted)).max(1) as u64;
    let found = rooms.into_iter().map(|(source, total, room, worker)| {
        let available = room - worker * workers;
        Limit { source, path: Some(path.clone()), total, available }
    });
    (found.collect(), workers_max)
}
