//! What `swath doctor` found, as text and JSON.

use serde::{Deserialize, Serialize};
use swath_core::Limits;

use super::{Align, Table};

/// The ceiling and where it comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ceiling {
    /// What was asked for.
    pub request: String,
    /// Who asked: a flag, a variable, a file, nobody.
    pub set_by: String,
    /// What that comes to.
    pub bytes: swath_core::Bytes,
    /// What `auto` would come to.
    pub auto: swath_core::Bytes,
    /// Why.
    pub reason: String,
}

/// The folder for spill.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scratch {
    /// Where; none is beside the output.
    pub path: Option<String>,
    /// Who chose it.
    pub set_by: String,
    /// The folder that was looked at.
    pub looked_at: String,
    /// Free space there.
    pub free: Option<swath_core::Bytes>,
    /// Whether it is kept in memory.
    pub in_memory: bool,
}

/// Everything that was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Examination {
    /// Kernel and architecture.
    pub kernel: String,
    /// Allocator of the program.
    pub allocator: String,
    /// Resident set of the program now.
    pub resident: swath_core::Bytes,
    /// The limits of memory and processors.
    pub limits: Limits,
    /// Position of the tightest limit in the list.
    pub tightest: usize,
    /// The ceiling.
    pub ceiling: Ceiling,
    /// Workers at most.
    pub threads: usize,
    /// Who set them.
    pub threads_set_by: String,
    /// Spill.
    pub scratch: Scratch,
}

/// The findings for people.
pub fn text(found: &Examination) -> String {
    let mut text = format!("swath {} on {}\n\nlimits of memory\n", env!("CARGO_PKG_VERSION"), found.kernel);
    let mut limits = Table::new(&[Align::Left, Align::Right, Align::Right, Align::Left, Align::Left]);
    limits.row([&"", &"limit", &"left for us", &"source", &""]);
    for (index, limit) in found.limits.memory_found.iter().enumerate() {
        let mark = if index == found.tightest { "→" } else { "" };
        let path = limit.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        limits.row([&mark, &limit.total, &limit.available, &limit.source, &path]);
    }
    text.push_str(&limits.render(2));
    for unknown in &found.limits.unknown {
        text.push_str(&format!("  not found out: {unknown}\n"));
    }
    text.push('\n');
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    let ceiling = &found.ceiling;
    facts.row([&"ceiling", &format!("{} = --memory {} ({})", ceiling.bytes, ceiling.request, ceiling.set_by)]);
    facts.row([&"", &ceiling.reason]);
    let quota = match &found.limits.cpu_quota {
        Some(quota) => format!("quota of {:.1} ({})", quota.processors(), quota.path.display()),
        None => "no quota".into(),
    };
    facts.row([&"processors", &format!("{}, {quota}", found.limits.cores)]);
    facts.row([&"workers", &format!("{} ({})", found.threads, found.threads_set_by)]);
    facts.row([&"spill", &scratch(&found.scratch)]);
    facts.row([&"allocator", &found.allocator]);
    facts.row([&"program", &format!("{} resident now", found.resident)]);
    text + &facts.render(0)
}

fn scratch(scratch: &Scratch) -> String {
    let place = match &scratch.path {
        Some(path) => format!("{path} ({})", scratch.set_by),
        None => "beside the output".into(),
    };
    let free = match scratch.free {
        Some(free) => format!("{free} free in {}", scratch.looked_at),
        None => format!("free space of {} unknown", scratch.looked_at),
    };
    let memory = if scratch.in_memory { "; a file system in memory, so that spill takes memory" } else { "" };
    format!("{place}; {free}{memory}")
}
