//! `swath doctor`.

use std::path::{Path, PathBuf};

use swath_core::{Bytes, Limits, MemoryRequest, ResidentSet, Result};

use crate::process::{print, print_json};
use crate::settings::{Origin, Settings};
use crate::show::Headed;
use crate::show::doctor::{Ceiling, Examination, Scratch, text};

/// Looks at the machine and tells.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(settings: &Settings) -> Result<()> {
    let found = examine(settings);
    match settings.json {
        true => print_json(&Headed::complete("doctor", found)),
        false => print(&text(&found)),
    }
}

/// What limits were found, and what follows from them.
pub fn examine(settings: &Settings) -> Examination {
    let common = settings.common(false, false);
    let limits = common.limits.clone();
    let tightest = limits.tightest().clone();
    let position = limits.memory_found.iter().position(|limit| *limit == tightest).unwrap_or(0);
    let threads_set_by = match settings.threads.origin {
        _ if limits.workers_max == Some(common.threads()) => "the addresses of the process".into(),
        Origin::Default if limits.threads() < limits.cores => "the quota".to_string(),
        Origin::Default => "the processors".into(),
        ref origin => origin.to_string(),
    };
    Examination {
        kernel: kernel(),
        allocator: crate::allocator::NAME.into(),
        resident: ResidentSet::now().resident,
        tightest: position,
        ceiling: ceiling(settings, &limits),
        threads: common.threads(),
        threads_set_by,
        scratch: scratch(settings),
        limits,
    }
}

fn ceiling(settings: &Settings, limits: &Limits) -> Ceiling {
    let request = settings.memory.value;
    let tightest = limits.tightest();
    let place = format!("what the tightest limit leaves, {} ({})", tightest.available, tightest.source);
    let bytes = request.resolve(limits);
    let reason = match request {
        MemoryRequest::Auto => format!("auto is 82 % of {place}"),
        MemoryRequest::Percent(percent) => format!("{percent} % of {place}"),
        MemoryRequest::Exact(bytes) if bytes > tightest.available => {
            format!("beware: this is more than {place}")
        }
        MemoryRequest::Exact(_) => format!("below {place}"),
    };
    Ceiling {
        request: match request {
            MemoryRequest::Exact(bytes) => format!("{}B", bytes.0),
            other => other.to_string(),
        },
        set_by: settings.memory.origin.to_string(),
        bytes,
        auto: MemoryRequest::Auto.resolve(limits),
        reason,
    }
}

fn scratch(settings: &Settings) -> Scratch {
    let looked_at = settings.tmp_dir.value.clone().unwrap_or_else(|| PathBuf::from("."));
    let (free, in_memory) = space(&looked_at);
    Scratch {
        path: settings.tmp_dir.value.as_ref().map(|path| path.display().to_string()),
        set_by: settings.tmp_dir.origin.to_string(),
        looked_at: match looked_at.as_os_str() == "." {
            true => "the current folder".into(),
            false => looked_at.display().to_string(),
        },
        free,
        in_memory,
    }
}

/// Free space of the file system that holds `folder`, and whether it is one in memory.
#[cfg(target_os = "linux")]
fn space(folder: &Path) -> (Option<Bytes>, bool) {
    match rustix::fs::statfs(folder) {
        // The number is TMPFS_MAGIC of linux/magic.h.
        Ok(found) => (Some(Bytes(found.f_bavail) * found.f_bsize as u64), found.f_type == 0x0102_1994),
        Err(_) => (None, false),
    }
}

/// Free space of the file system that holds `folder`.
#[cfg(not(target_os = "linux"))]
fn space(folder: &Path) -> (Option<Bytes>, bool) {
    let found = rustix::fs::statvfs(folder);
    (found.ok().map(|found| Bytes(found.f_bavail) * found.f_frsize), false)
}

/// The operating system, its release and the architecture.
fn kernel() -> String {
    let name = rustix::system::uname();
    let [system, release, machine] =
        [name.sysname(), name.release(), name.machine()].map(|part| part.to_string_lossy().into_owned());
    format!("{system} {release}, {machine}")
}
