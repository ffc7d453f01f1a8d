//! The control groups that the process is in, of version 1, 2 or both at once, from its own group up to the root.
//!
//! Inside a container only a part of the path is visible; what is mounted is walked, the rest stays unknown.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{CpuQuota, Limit, LimitSource};
use crate::Bytes;

/// Version 1 writes "no limit" as the largest multiple of a page; nothing real is near it.
const NO_LIMIT: u64 = 1 << 60;

/// Folders of groups, the process's own first, as seen by the process.
#[derive(Debug, Default)]
pub(super) struct Groups {
    unified: Vec<PathBuf>,
    memory: Vec<PathBuf>,
    cpu: Vec<PathBuf>,
}

impl Groups {
    /// Joins what the process is in (`/proc/self/cgroup`) with where that is mounted (`/proc/self/mountinfo`).
    pub(super) fn find(root: &Path) -> Groups {
        let (Ok(memberships), Ok(mounts)) =
            (fs::read_to_string(root.join("proc/self/cgroup")), fs::read_to_string(root.join("proc/self/mountinfo")))
        else {
            return Groups::default();
        };
        let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
        let mut groups = Groups::default();
        for line in memberships.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(group)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            if controllers.is_empty() {
                groups.unified = folders(root, &mounts, group, |mount| mount.version == 2);
            }
            let has = |name: &str| controllers.split(',').any(|controller| controller == name);
            if has("memory") {
                groups.memory = folders(root, &mounts, group, |mount| mount.controls("memory"));
            }
            if has("cpu") {
                groups.cpu = folders(root, &mounts, group, |mount| mount.controls("cpu"));
            }
        }
        groups
    }

    /// The group that limits the memory of the process, in version 1 and in version 2.
    pub(super) fn own(&self) -> (Option<&Path>, Option<&Path>) {
        (self.memory.first().map(PathBuf::as_path), self.unified.first().map(PathBuf::as_path))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unified.is_empty() && self.memory.is_empty() && self.cpu.is_empty()
    }

    /// Every limit on memory on the way from the process's group to the root.
    pub(super) fn memory_limits(&self, root: &Path, own: Bytes) -> Vec<Limit> {
        let mut found = Vec::new();
        for folder in &self.unified {
            let used = used_by_others(folder, "memory.current", "inactive_file", own);
            for (file, source) in [("memory.max", LimitSource::CgroupMax), ("memory.high", LimitSource::CgroupHigh)] {
                if let Some(total) = number(&folder.join(file)) {
                    found.push(limit(source, folder.join(file), total, used));
                }
            }
        }
        for (depth, folder) in self.memory.iter().enumerate() {
            let path = folder.join("memory.limit_in_bytes");
            let own_limit = number(&path).filter(|&total| total < NO_LIMIT);
            if let Some(total) = own_limit {
                let used = used_by_others(folder, "memory.usage_in_bytes", "total_inactive_file", own);
                found.push(limit(LimitSource::CgroupLimit, path, total, used));
            }
            if depth == 0 {
                found.extend(above(folder, own_limit));
            }
        }
        // The same limit seen through two mounts is one limit.
        found.dedup();
        for limit in &mut found {
            strip(root, limit);
        }
        found
    }

    /// Files that count the processes of this group which the kernel killed for want of memory, as lines of `oom_kill N`.
    pub(super) fn kill_counters(&self) -> Vec<PathBuf> {
        let two = self.unified.first().map(|folder| folder.join("memory.events"));
        let one = self.memory.first().map(|folder| folder.join("memory.oom_control"));
        two.into_iter().chain(one).collect()
    }

    /// The tightest share of processor time on the way to the root.
    pub(super) fn cpu_quota(&self, root: &Path) -> Option<CpuQuota> {
        let two = self.unified.iter().filter_map(|folder| {
            let path = folder.join("cpu.max");
            let text = fs::read_to_string(&path).ok()?;
            let (quota, period) = text.trim().split_once(' ')?;
            Some(CpuQuota { quota_us: quota.parse().ok()?, period_us: period.parse().ok()?, path })
        });
        let one = self.cpu.iter().filter_map(|folder| {
            let path = folder.join("cpu.cfs_quota_us");
            let quota_us = number(&path)?;
            let period_us = number(&folder.join("cpu.cfs_period_us"))?;
            Some(CpuQuota { quota_us, period_us, path })
        });
        let mut quota = two
            .chain(one)
            .filter(|quota| quota.quota_us > 0 && quota.period_us > 0)
            .min_by(|left, right| left.processors().total_cmp(&right.processors()))?;
        quota.path = below(root, &quota.path);
        Some(quota)
    }
}

fn limit(source: LimitSource, path: PathBuf, total: u64, used_by_others: Bytes) -> Limit {
    let total = Bytes(total);
    Limit { source, path: Some(path), total, available: total - used_by_others }
}

/// A limit of groups that the container does not show, as the kernel sums it up in version 1.
fn above(folder: &Path, own: Option<u64>) -> Option<Limit> {
    let path = folder.join("memory.stat");
    let total = stat(&path, "hierarchical_memory_limit").filter(|&total| total < NO_LIMIT)?;
    // What others use up there cannot be seen.
    (own.is_none_or(|own| total < own)).then(|| limit(LimitSource::CgroupAbove, path, total, Bytes::ZERO))
}

/// What a group uses apart from this process; page cache that the kernel can drop at once is not counted.
fn used_by_others(folder: &Path, usage: &str, cache: &str, own: Bytes) -> Bytes {
    let usage = Bytes(number(&folder.join(usage)).unwrap_or(0));
    let cache = Bytes(stat(&folder.join("memory.stat"), cache).unwrap_or(0));
    usage - cache - own
}

/// The only number in a file; none for `max` and `-1`.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number behind `name` in a file of `name number` lines.
pub(super) fn stat(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

fn strip(root: &Path, limit: &mut Limit) {
    limit.path = limit.path.as_deref().map(|path| below(root, path));
}

/// The path as the process sees it.
fn below(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).map_or_else(|_| path.into(), |inner| Path::new("/").join(inner))
}

/// A line of `/proc/self/mountinfo` that is about control groups.
struct Mount {
    /// The group that the mount shows at its top.
    top: String,
    /// Where it is mounted.
    at: String,
    version: u8,
    options: String,
}

impl Mount {
    fn parse(line: &str) -> Option<Mount> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (top, at) = (unescape(left.next()?), unescape(left.next()?));
        let mut right = right.split(' ');
        let version = match right.next()? {
            "cgroup" => 1,
            "cgroup2" => 2,
            _ => return None,
        };
        Some(Mount { top, at, version, options: right.nth(1).unwrap_or("").into() })
    }

    fn controls(&self, controller: &str) -> bool {
        self.version == 1 && self.options.split(',').any(|option| option == controller)
    }
}

/// The kernel writes blanks in paths as `\040`, and so on.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// The folders of `group` and all visible groups above it, the innermost first.
fn folders(root: &Path, mounts: &[Mount], group: &str, wanted: impl Fn(&Mount) -> bool) -> Vec<PathBuf> {
    // Of several mounts the one that shows the most of the path is the best.
    let best = mounts.iter().filter(|mount| wanted(mount)).min_by_key(|mount| {
        let visible = Path::new(group).strip_prefix(&mount.top).is_ok();
        (!visible, mount.top.len())
    });
    let Some(mount) = best else { return Vec::new() };
    let at = root.join(mount.at.trim_start_matches('/'));
    // A group outside of what the mount shows (or written with `..`) can only be judged by the top of the mount.
    let inner = Path::new(group).strip_prefix(&mount.top).unwrap_or(Path::new(""));
    let plain = inner.components().all(|part| matches!(part, Component::Normal(_)));
    let mut inner = if plain { inner } else { Path::new("") };
    let mut folders = Vec::new();
    loop {
        // A group that a container runtime mounted elsewhere does not exist below this mount; those above may.
        if at.join(inner).is_dir() {
            folders.push(at.join(inner));
        }
        match inner.parent() {
            Some(parent) => inner = parent,
            None => return folders,
        }
    }
}
