//! What the operating system says this process occupies.
//!
//! It only measures; limits are the business of `memory.rs`, promises that of the budget.

use std::ffi::CString;
use std::time::{Duration, Instant};

use crate::Bytes;

pub mod counting;

/// The resident memory of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResidentSet {
    /// Now.
    pub resident: Bytes,
    /// The most that it ever was (VmHWM).
    pub peak: Bytes,
}

impl ResidentSet {
    /// Asks the system; zeros where it does not tell. Allocates nothing.
    pub fn now() -> ResidentSet {
        system::resident_set(c"/proc/self/status")
    }

    /// The same of another process.
    pub fn of(process: u32) -> ResidentSet {
        CString::new(format!("/proc/{process}/status")).map(|path| system::resident_set(&path)).unwrap_or_default()
    }
}

/// The resident memory of this process now, the cheapest way; zero where the system does not tell.
pub fn resident_now() -> Bytes {
    system::resident_now()
}

/// Takes the pages of the program's own code out of the resident set, since those of the work that is done are not needed
/// again; the others are back, from the cache of files, once they run. It does nothing where the system cannot.
/// (Breakpoints that a debugger set before are lost.)
pub fn rest_code() {
    system::rest_code();
}

/// How long some task of this machine has waited for a disk since it was started, where the system tells.
pub fn waited_for_disk_us() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/pressure/io").ok()?;
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split(' ').find_map(|field| field.strip_prefix("total=")?.parse().ok())
}

/// The share of the time `passed` that was waited between two such figures, 0 to 1.
pub fn share_waited(before_us: Option<u64>, now_us: Option<u64>, passed: Duration) -> Option<f64> {
    let waited_us = now_us?.saturating_sub(before_us?);
    Some((waited_us as f64 / passed.as_micros().max(1) as f64).clamp(0.0, 1.0))
}

/// Time since a moment, by the clock and by the processor.
///
/// A process inherits the processor time of the program that it was before an `exec`, so only differences tell
/// something.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    begun: Instant,
    cpu_s: f64,
}

impl Stopwatch {
    /// A stopwatch that begins now.
    pub fn start() -> Stopwatch {
        Stopwatch { begun: Instant::now(), cpu_s: system::cpu_seconds() }
    }

    /// Seconds since it began.
    pub fn wall_s(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Seconds of processor time that all threads of this process have used since it began.
    pub fn cpu_s(&self) -> f64 {
        system::cpu_seconds() - self.cpu_s
    }
}

/// The figure in kB behind `name`, in the text of `/proc/self/status` or `/proc/meminfo`.
pub(crate) fn kilobytes(text: &[u8], name: &[u8]) -> Option<Bytes> {
    for line in text.split(|&byte| byte == b'\n') {
        if let Some(rest) = line.strip_prefix(name)
            && let Some(rest) = rest.strip_prefix(b":")
        {
            return number(rest).map(|kilobytes| Bytes(kilobytes.saturating_mul(1024)));
        }
    }
    None
}

/// The first decimal number in `text`, after blanks.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::{CStr, c_int, c_void};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustix::fs::{CWD, Mode, OFlags};
    use rustix::mm::Advice;

    use super::{Bytes, ResidentSet, kilobytes, number};

    pub(super) fn resident_set(path: &CStr) -> ResidentSet {
        let mut text = [0u8; 4096];
        let text = read(path, &mut text);
        let resident = kilobytes(text, b"VmRSS").unwrap_or_default();
        // The kernel raises the peak only now and then; it is never less than what is there.
        let peak = kilobytes(text, b"VmHWM").unwrap_or_default().max(resident);
        ResidentSet { resident, peak }
    }

    pub(super) fn resident_now() -> Bytes {
        static PAGE: AtomicUsize = AtomicUsize::new(0);
        let mut page = PAGE.load(Ordering::Relaxed);
        if page == 0 {
            page = rustix::param::page_size();
            PAGE.store(page, Ordering::Relaxed);
        }
        let mut text = [0u8; 128];
        let text = read(c"/proc/self/statm", &mut text);
        let second = text.iter().position(|&byte| byte == b' ').map_or(&text[..0], |at| &text[at..]);
        Bytes(number(second).unwrap_or_default().saturating_mul(page as u64))
    }

    pub(super) fn cpu_seconds() -> f64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the clock exists on every Linux, and `time` is a valid place for the answer.
        let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
        if status == 0 { time.tv_sec as f64 + time.tv_nsec as f64 / 1e9 } else { 0.0 }
    }

    pub(super) fn rest_code() {
        static CODE: OnceLock<(usize, usize)> = OnceLock::new();
        let (start, length) = *CODE.get_or_init(code);
        if length > 0 {
            // SAFETY: the pages are code as the file has it, which nobody writes to, and are read from there again.
            let _ = unsafe { rustix::mm::madvise(start as *mut c_void, length, Advice::LinuxDontNeed) };
        }
    }

    /// Where the code is that this function is part of: its first page, and bytes.
    fn code() -> (usize, usize) {
        unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
            // SAFETY: the C library hands out a description with as many headers as it says, and what `found` is is
            // known below.
            let (info, found) = unsafe { (&*info, &mut *found.cast::<(usize, usize)>()) };
            // SAFETY: as above.
            let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
            let here = code as *const () as usize;
            let flags = libc::PF_R | libc::PF_W | libc::PF_X;
            for header in headers {
                let start = info.dlpi_addr.wrapping_add(header.p_vaddr) as usize;
                let end = start.saturating_add(header.p_filesz as usize);
                let is_code = header.p_type == libc::PT_LOAD && header.p_flags & flags == libc::PF_R | libc::PF_X;
                if is_code && (start..end).contains(&here) {
                    let page = rustix::param::page_size();
                    let start = start.next_multiple_of(page);
                    *found = (start, (end / page * page).saturating_sub(start));
                    return 1;
                }
            }
            0
        }
        let mut found = (0usize, 0usize);
        // SAFETY: the function is of the wanted kind, and `found` lives until the call is over.
        unsafe { libc::dl_iterate_phdr(Some(look), std::ptr::from_mut(&mut found).cast()) };
        found
    }

    fn read<'a>(path: &CStr, into: &'a mut [u8]) -> &'a [u8] {
        let Ok(file) = rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
            return &[];
        };
        let mut length = 0;
        while length < into.len() {
            match rustix::io::read(&file, &mut into[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        &into[..length]
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Bytes, ResidentSet};

    pub(super) fn resident_set(_: &std::ffi::CStr) -> ResidentSet {
        ResidentSet::default()
    }

    pub(super) fn resident_now() -> Bytes {
        Bytes::ZERO
    }

    pub(super) fn cpu_seconds() -> f64 {
        0.0
    }

    pub(super) fn rest_code() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_the_text() {
        let text = b"Name:\tswath\nVmHWM:\t    1632 kB\nVmRSS:\t  12 kB\nVmRSSX:\t9 kB\n";
        for (name, expect) in
            [("VmHWM", Some(Bytes(1632 * 1024))), ("VmRSS", Some(Bytes(12 * 1024))), ("VmData", None), ("Name", None)]
        {
            assert_eq!(kilobytes(text, name.as_bytes()), expect, "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_occupies_something() {
        let now = ResidentSet::now();
        assert!(now.resident > Bytes::KIB && now.peak >= now.resident, "{now:?}");
        assert!(resident_now() > Bytes::KIB);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn code_that_rests_runs_again() {
        let here = rest_code as *const () as usize;
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/smaps").expect("as a moment ago");
            let mut lines = text.lines();
            let is_ours = |line: &&str| {
                let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
                let number = |text: &str| usize::from_str_radix(text, 16).ok();
                range.is_some_and(|(start, end)| {
                    number(start).zip(number(end)).is_some_and(|(start, end)| (start..end).contains(&here))
                })
            };
            lines.find(is_ours).expect("the code is in a mapping");
            let rss = lines.find_map(|line| line.strip_prefix("Rss:")).expect("each mapping has one");
            rss.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
        };
        let before = resident();
        rest_code();
        let after = resident();
        assert!(after > 0 && after < before, "{before} kB of code before, {after} kB after");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_stopwatch_leaves_out_what_was_before() {
        let early = Stopwatch::start();
        while early.cpu_s() < 0.2 {}
        let late = Stopwatch::start();
        let (late_cpu, early_cpu) = (late.cpu_s(), early.cpu_s());
        assert!(late_cpu >= 0.0 && early_cpu - late_cpu >= 0.2, "{late_cpu} after {early_cpu}");
        assert!(late.wall_s() < early.wall_s());
    }
}
