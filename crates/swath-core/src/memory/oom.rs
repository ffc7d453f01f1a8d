//! Whether the kernel has killed processes of this control group for want of memory.
//!
//! It only reads counters; who was killed, they do not tell.

use std::path::{Path, PathBuf};

use super::cgroup::{self, Groups};

/// Kills since it was made, which are taken note of one by one.
#[derive(Debug)]
pub struct OomKills {
    counters: Vec<PathBuf>,
    noted: u64,
}

impl OomKills {
    /// Begins to count, in the control groups that this process is in.
    pub fn watch() -> OomKills {
        OomKills::watch_in(Path::new("/"))
    }

    /// The same with the `proc` and `sys` folders below `root` instead of those of the machine.
    pub fn watch_in(root: &Path) -> OomKills {
        let counters = Groups::find(root).kill_counters();
        let noted = total(&counters);
        OomKills { counters, noted }
    }

    /// Whether there was a kill that was not taken note of, and takes note of one.
    pub fn take(&mut self) -> bool {
        let is_new = total(&self.counters) > self.noted;
        self.noted += u64::from(is_new);
        is_new
    }
}

fn total(counters: &[PathBuf]) -> u64 {
    counters.iter().filter_map(|path| cgroup::stat(path, "oom_kill")).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_of_both_versions_are_noted_one_by_one() {
        let check = |group: &str, mount: &str, counter: &str| {
            let root = tempfile::tempdir().expect("a folder");
            let write = |name: &str, text: &str| {
                let path = root.path().join(name);
                std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
                std::fs::write(path, text).expect("written");
            };
            write("proc/self/cgroup", group);
            write("proc/self/mountinfo", mount);
            write(counter, "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
            let mut kills = OomKills::watch_in(root.path());
            assert!(!kills.take(), "{counter}");
            write(counter, "low 0\noom 2\noom_kill 5\n");
            assert_eq!([kills.take(), kills.take(), kills.take()], [true, true, false], "{counter}");
        };
        let two = "25 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
        check("0::/job", two, "sys/fs/cgroup/job/memory.events");
        let one = "25 1 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
        check("4:memory:/job", one, "sys/fs/cgroup/memory/job/memory.oom_control");
    }
}
