//! What the machine, the groups that the process is in, and its own limits allow.
//!
//! Everything is read from the files of `/proc` and `/sys/fs/cgroup`, so that tests can bring their own. It decides
//! nothing but what `--memory` resolves to.

mod cgroup;
mod group;
mod oom;
mod process;
mod request;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use group::{GroupNest, MemoryGroup};
pub use oom::OomKills;
pub use request::MemoryRequest;

use crate::process::kilobytes;
use crate::{Bytes, Error, Result};

/// Assumed where the system tells nothing.
const ASSUMED: Bytes = Bytes(1_000_000_000);

/// Who sets a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitSource {
    /// Physical memory that is free or can be freed.
    MemAvailable,
    /// `memory.max` of a control group (version 2): above it the kernel kills.
    CgroupMax,
    /// `memory.high` of a control group (version 2): above it the kernel slows the group down.
    CgroupHigh,
    /// `memory.limit_in_bytes` of a control group (version 1).
    CgroupLimit,
    /// The tightest limit of groups above, which cannot be seen from here (version 1, `hierarchical_memory_limit`).
    CgroupAbove,
    /// `RLIMIT_AS`, as set by `ulimit -v`.
    AddressSpace,
    /// `RLIMIT_DATA`, as set by `ulimit -d`.
    DataSize,
    /// Nobody told; a cautious guess.
    Assumed,
}

impl fmt::Display for LimitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LimitSource::MemAvailable => "memory of the machine (MemAvailable)",
            LimitSource::CgroupMax => "control group v2, memory.max",
            LimitSource::CgroupHigh => "control group v2, memory.high",
            LimitSource::CgroupLimit => "control group v1, memory.limit_in_bytes",
            LimitSource::CgroupAbove => "control group v1, a group above (hierarchical_memory_limit)",
            LimitSource::AddressSpace => "address space of the process (ulimit -v)",
            LimitSource::DataSize => "data size of the process (ulimit -d)",
            LimitSource::Assumed => "assumed, since this system does not tell",
        })
    }
}

/// A limit on memory that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Who sets it.
    pub source: LimitSource,
    /// The file that says so.
    pub path: Option<PathBuf>,
    /// The limit itself.
    pub total: Bytes,
    /// What this process may occupy under it, what it occupies already included, the use of others taken off.
    pub available: Bytes,
}

/// A share of processor time that a control group allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuQuota {
    /// Processor time per period, in microseconds.
    pub quota_us: u64,
    /// The period, in microseconds.
    pub period_us: u64,
    /// The file that says so.
    pub path: PathBuf,
}

impl CpuQuota {
    /// The quota as a number of processors.
    pub fn processors(&self) -> f64 {
        self.quota_us as f64 / self.period_us.max(1) as f64
    }
}

/// What the machine and its groups allow this process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Every limit on memory that was found; never empty.
    pub memory_found: Vec<Limit>,
    /// Processors that the process may run on.
    pub cores: usize,
    /// The tightest share of processor time, if any group sets one.
    pub cpu_quota: Option<CpuQuota>,
    /// Workers that a limit on the addresses of the process leaves room for, if there is one.
    pub workers_max: Option<usize>,
    /// What could not be found out, for people.
    pub unknown: Vec<String>,
}

impl Limits {
    /// Looks at this process and this machine. `workers` are as many as will be asked for; none is what the machine has.
    pub fn detect(workers: Option<usize>) -> Limits {
        Limits::detect_in(Path::new("/"), workers)
    }

    /// Looks at the `proc` and `sys` folders below `root` instead of those of the machine.
    pub fn detect_in(root: &Path, workers: Option<usize>) -> Limits {
        let own = Own::read(root);
        let mut unknown = Vec::new();
        let mut memory_found = Vec::new();
        match machine_memory(root, &own) {
            Some(limit) => memory_found.push(limit),
            None => unknown.push("how much memory the machine has left (no MemAvailable)".to_string()),
        }
        let groups = cgroup::Groups::find(root);
        if groups.is_empty() {
            unknown.push("whether a control group limits the process (none is mounted here)".to_string());
        }
        memory_found.extend(groups.memory_limits(root, own.resident));
        let cores = own.cores.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let cpu_quota = groups.cpu_quota(root);
        let wanted = workers.unwrap_or_else(|| threads(cores, cpu_quota.as_ref()));
        let (of_process, workers_max) = process::limits(root, &own, wanted);
        memory_found.extend(of_process);
        if memory_found.is_empty() {
            let (total, available) = (ASSUMED, ASSUMED);
            memory_found.push(Limit { source: LimitSource::Assumed, path: None, total, available });
        }
        Limits { memory_found, cores, cpu_quota, workers_max, unknown }
    }

    /// The limit that leaves the least.
    pub fn tightest(&self) -> &Limit {
        static NONE: Limit = Limit { source: LimitSource::Assumed, path: None, total: ASSUMED, available: ASSUMED };
        self.memory_found.iter().min_by_key(|limit| limit.available).unwrap_or(&NONE)
    }

    /// How many threads can really run at once: the processors, or the quota rounded up if that is less.
    pub fn threads(&self) -> usize {
        threads(self.cores, self.cpu_quota.as_ref())
    }

    /// Workers at most: as many as were asked for, or can run at once, if the limits of the process have room for them.
    pub fn workers(&self, asked: Option<usize>) -> usize {
        asked.unwrap_or_else(|| self.threads()).min(self.workers_max.unwrap_or(usize::MAX)).max(1)
    }

    /// Refuses what a limit of the process does not leave, whatever the ceiling.
    ///
    /// # Errors
    /// [`Error::LimitTooSmall`].
    pub fn hold(&self, what: &str, needed: Bytes, smallest: Bytes) -> Result<()> {
        let is_own = |limit: &&Limit| matches!(limit.source, LimitSource::AddressSpace | LimitSource::DataSize);
        match self.memory_found.iter().filter(is_own).min_by_key(|limit| limit.available) {
            Some(limit) if limit.available < needed => Err(Error::LimitTooSmall {
                what: what.into(),
                needed,
                smallest,
                available: limit.available,
                limit: limit.source.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

fn threads(cores: usize, quota: Option<&CpuQuota>) -> usize {
    let quota = quota.map_or(usize::MAX, |quota| quota.processors().ceil() as usize);
    cores.min(quota).max(1)
}

/// What `/proc/self/status` says of the process.
#[derive(Default)]
struct Own {
    resident: Bytes,
    address_space: Bytes,
    data: Bytes,
    cores: Option<usize>,
}

impl Own {
    fn read(root: &Path) -> Own {
        let Ok(text) = std::fs::read(root.join("proc/self/status")) else {
            return Own::default();
        };
        let figure = |name: &str| kilobytes(&text, name.as_bytes()).unwrap_or_default();
        let words = String::from_utf8_lossy(&text);
        let list = words.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        Own {
            resident: figure("VmRSS"),
            address_space: figure("VmSize"),
            data: figure("VmData"),
            cores: list.and_then(count_processors),
        }
    }
}

/// How many processors a list like `0-3,8` names.
fn count_processors(list: &str) -> Option<usize> {
    let mut count = 0usize;
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        count += last.checked_sub(first)? + 1;
    }
    Some(count)
}

fn machine_memory(root: &Path, own: &Own) -> Option<Limit> {
    let path = PathBuf::from("/proc/meminfo");
    let text = std::fs::read(root.join("proc/meminfo")).ok()?;
    let total = kilobytes(&text, b"MemTotal")?;
    let available = (kilobytes(&text, b"MemAvailable")? + own.resident).min(total);
    Some(Limit { source: LimitSource::MemAvailable, path: Some(path), total, available })
}
