//! Control groups of our own: one for each process that is to be held to a limit by the kernel, where the machine lets
//! them be made.
//!
//! They are made below the group that this process is in, so that no limit above is escaped. Which limit, and what is done
//! where none can be had, is the matter of whoever wants them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::cgroup::{Groups, stat};
use crate::Bytes;

/// What the names of groups begin with; the process that made them follows.
const NAME: &str = "swath-";

/// A place where groups can be made.
#[derive(Debug)]
pub struct GroupNest {
    folder: PathBuf,
    version: Version,
    made: AtomicU32,
}

/// A control group with a hard limit; removed when dropped, once nobody is in it any more.
#[derive(Debug)]
pub struct MemoryGroup {
    folder: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two {
        /// This process had to go into a group of its own, since of version 2 only groups without processes have limited
        /// ones below them.
        moved: bool,
    },
}

impl GroupNest {
    /// The group that this process is in, where groups can be made below it. Those that others left there are removed.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn open() -> Result<GroupNest, String> {
        GroupNest::open_in(Path::new("/"))
    }

    /// The same with the `proc` and `sys` folders below `root` instead of those of the machine.
    fn open_in(root: &Path) -> Result<GroupNest, String> {
        let groups = Groups::find(root);
        let made = AtomicU32::new(0);
        let nest = match groups.own() {
            (Some(folder), _) => GroupNest { folder: folder.into(), version: Version::One, made },
            (None, Some(folder)) => {
                sweep(root, folder);
                let moved = make_room(folder)?;
                return Ok(GroupNest { folder: folder.into(), version: Version::Two { moved }, made });
            }
            (None, None) => return Err("no control group with a memory controller is mounted".into()),
        };
        sweep(root, &nest.folder);
        if !holds_this(&nest.folder) {
            return Err("the control group of this process is not mounted".into());
        }
        // Whether it may be done shows when it is done.
        nest.group(Bytes(1 << 30)).map_err(|error| format!("no control group can be made: {error}"))?;
        Ok(nest)
    }

    /// A new group whose processes may hold so much together.
    ///
    /// # Errors
    /// What the system says.
    pub fn group(&self, limit: Bytes) -> io::Result<MemoryGroup> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("{NAME}{}-{number}", std::process::id()));
        fs::create_dir(&folder)?;
        let group = MemoryGroup { folder, version: self.version };
        let (file, swap) = match self.version {
            Version::One => ("memory.limit_in_bytes", ("memory.memsw.limit_in_bytes", limit.0.to_string())),
            Version::Two { .. } => ("memory.max", ("memory.swap.max", "0".into())),
        };
        set(&group.folder.join(file), &limit.0.to_string())?;
        // Not every kernel counts what is swapped out.
        let _ = set(&group.folder.join(swap.0), &swap.1);
        Ok(group)
    }
}

impl Drop for GroupNest {
    fn drop(&mut self) {
        if let Version::Two { moved: true } = self.version {
            let _ = set(&self.folder.join("cgroup.subtree_control"), "-memory");
            let _ = set(&self.folder.join("cgroup.procs"), &std::process::id().to_string());
            let _ = fs::remove_dir(own(&self.folder));
        }
    }
}

impl MemoryGroup {
    /// Takes a process in; what it occupies already is not counted.
    ///
    /// # Errors
    /// What the system says.
    pub fn admit(&self, process: u32) -> io::Result<()> {
        set(&self.folder.join("cgroup.procs"), &process.to_string())
    }

    /// How many of its processes the kernel has killed for want of memory.
    pub fn kills(&self) -> u64 {
        let counter = if self.version == Version::One { "memory.oom_control" } else { "memory.events" };
        stat(&self.folder.join(counter), "oom_kill").unwrap_or(0)
    }

    /// Whether it ever took all that it may. Where it did not, a kill came from a limit above it.
    pub fn has_met_its_limit(&self) -> bool {
        let met = match self.version {
            Version::One => {
                fs::read_to_string(self.folder.join("memory.failcnt")).ok().and_then(|s| s.trim().parse().ok())
            }
            Version::Two { .. } => stat(&self.folder.join("memory.events"), "max"),
        };
        met.unwrap_or(0) > 0
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The kernel lets go of a dead member a moment after it was waited for; what stays is swept later.
        for _ in 0..20 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// Has a group of version 2 hand memory down; answers whether this process had to leave it for that.
fn make_room(folder: &Path) -> Result<bool, String> {
    let has_memory = |file: &str| {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        text.split_whitespace().any(|name| name == "memory")
    };
    if !has_memory("cgroup.controllers") {
        return Err("the control group has no memory controller".into());
    }
    if !holds_this(folder) {
        return Err("the control group of this process is not mounted".into());
    }
    if has_memory("cgroup.subtree_control") {
        return Ok(false);
    }
    let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let this = std::process::id().to_string();
    if members.lines().any(|member| member != this) {
        return Err("other processes are in the control group".into());
    }
    let own = own(folder);
    let moved = fs::create_dir(&own)
        .and_then(|()| set(&own.join("cgroup.procs"), &this))
        .and_then(|()| set(&folder.join("cgroup.subtree_control"), "+memory"));
    moved.map(|()| true).map_err(|error| {
        let _ = set(&folder.join("cgroup.procs"), &this);
        let _ = fs::remove_dir(&own);
        format!("the control group hands no memory down: {error}")
    })
}

/// Whether this process is in a group itself: of another one, limits would be escaped.
fn holds_this(folder: &Path) -> bool {
    let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    members.lines().any(|member| member == std::process::id().to_string())
}

/// The group of this process itself, where it may not stay in the one above.
fn own(folder: &Path) -> PathBuf {
    folder.join(format!("{NAME}{}-self", std::process::id()))
}

/// Removes groups of processes that are gone.
fn sweep(root: &Path, folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split('-').next()?.parse::<u32>().ok());
        if maker.is_some_and(|maker| !root.join(format!("proc/{maker}")).exists()) {
            // One that somebody is in stays.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Writes to a file that is there.
fn set(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(group: &str, mount: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        write(root.path(), "proc/self/cgroup", group);
        write(root.path(), "proc/self/mountinfo", mount);
        root
    }

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    const TWO: &str = "25 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw";

    #[test]
    fn where_no_groups_can_be_made_it_is_said_why() {
        let this = std::process::id();
        let check = |files: &[(&str, String)], wanted: &str| {
            let root = root("0::/job", TWO);
            fs::create_dir_all(root.path().join("sys/fs/cgroup/job")).expect("made");
            files.iter().for_each(|(name, text)| write(root.path(), &format!("sys/fs/cgroup/job/{name}"), text));
            let refused = GroupNest::open_in(root.path()).expect_err(wanted);
            assert!(refused.contains(wanted), "{refused}");
        };
        check(&[], "no memory controller");
        let controllers = ("cgroup.controllers", "cpu memory".to_string());
        check(&[controllers.clone(), ("cgroup.procs", "1\n".into())], "not mounted");
        check(&[controllers.clone(), ("cgroup.procs", format!("{this}\n1\n"))], "other processes");
        // These folders are no control groups: nothing appears in them by itself.
        check(&[controllers, ("cgroup.procs", format!("{this}\n"))], "hands no memory down");
        let refused = GroupNest::open_in(root("", "").path()).expect_err("nothing is mounted");
        assert!(refused.contains("is mounted"), "{refused}");
    }

    #[test]
    fn groups_of_processes_that_are_gone_are_swept() {
        let root = root("0::/job", TWO);
        let folder = root.path().join("sys/fs/cgroup/job");
        let names = ["swath-7-0", "swath-7-self", "swath-8-0", "swath-x", "other-7-0"];
        names.iter().for_each(|name| fs::create_dir_all(folder.join(name)).expect("made"));
        fs::create_dir_all(root.path().join("proc/8")).expect("made");
        sweep(root.path(), &folder);
        let left: Vec<bool> = names.iter().map(|name| folder.join(name).exists()).collect();
        assert_eq!(left, [false, false, true, true, true]);
    }

    /// On a machine that allows it: the limit holds, and the group is gone afterwards.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_group_is_made_where_that_may_be() {
        let nest = match GroupNest::open() {
            Ok(nest) => nest,
            Err(reason) => return eprintln!("SKIPPED: control groups: {reason}"),
        };
        let group = nest.group(Bytes(50_000_000)).expect("a group");
        let folder = group.folder.clone();
        let mut child = std::process::Command::new("sleep").arg("10").spawn().expect("sleep");
        group.admit(child.id()).expect("a member");
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", child.id())).expect("it lives");
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(groups.contains(name), "{groups}");
        assert_eq!((group.kills(), group.has_met_its_limit()), (0, false));
        child.kill().and_then(|()| child.wait()).expect("it ends");
        drop(group);
        assert!(!folder.exists());
    }
}
