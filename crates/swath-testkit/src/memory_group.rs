//! A memory cgroup (v1 or v2) around one run, where this machine lets the tester make one.
//!
//! It only ever makes and removes groups of its own, below the group that the tests run in.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A group with a hard limit; it is removed when dropped.
pub struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// A new group whose processes may hold `limit` bytes together.
    ///
    /// # Errors
    /// Why no such group can be made here.
    pub fn new(limit: u64) -> Result<MemoryGroup, String> {
        let groups = fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("/proc/self/cgroup: {error}"))?;
        let (parent, limit_file) = parent(&groups).ok_or("no memory controller is mounted at /sys/fs/cgroup")?;
        let name = format!("swath-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let group = MemoryGroup(parent.join(name));
        let refused = |error: std::io::Error| format!("{}: {error}", group.0.display());
        fs::create_dir(&group.0).map_err(refused)?;
        fs::write(group.0.join(limit_file), limit.to_string()).map_err(refused)?;
        // What is swapped out is not within a limit; where there is no such file, nothing is counted as swapped.
        let _ = match limit_file {
            "memory.max" => fs::write(group.0.join("memory.swap.max"), "0"),
            _ => fs::write(group.0.join("memory.memsw.limit_in_bytes"), limit.to_string()),
        };
        Ok(group)
    }

    /// How many of its processes the kernel killed for want of memory.
    pub fn kills(&self) -> u64 {
        let count = |name: &str| {
            let text = fs::read_to_string(self.0.join(name)).ok()?;
            text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
        };
        count("memory.events").or_else(|| count("memory.oom_control")).unwrap_or(0)
    }

    /// The file that takes the ids of processes which join.
    pub fn members(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The kernel lets go of a dead member a moment after it was waited for.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// The folder to make groups in, and the name of the limit's file, from the text of `/proc/self/cgroup`.
fn parent(groups: &str) -> Option<(PathBuf, &'static str)> {
    let root = Path::new("/sys/fs/cgroup");
    let path_of = |line: &str| line.splitn(3, ':').nth(2).unwrap_or("/").trim_start_matches('/').to_string();
    let is_first =
        |line: &&str| line.split(':').nth(1).is_some_and(|names| names.split(',').any(|name| name == "memory"));
    if let Some(line) = groups.lines().find(is_first) {
        let here = root.join("memory").join(path_of(line));
        // Inside a container the path may be that of the machine, and the mount that of the container.
        let folder = if here.is_dir() { here } else { root.join("memory") };
        return folder.is_dir().then_some((folder, "memory.limit_in_bytes"));
    }
    let line = groups.lines().find(|line| line.starts_with("0::"))?;
    let mut folder = root.join(path_of(line));
    // Version 2 hands memory down only from groups without processes: the nearest one above that does.
    loop {
        let handed = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
        if handed.split_whitespace().any(|name| name == "memory") {
            return Some((folder, "memory.max"));
        }
        if folder == root || !folder.pop() {
            return None;
        }
    }
}
