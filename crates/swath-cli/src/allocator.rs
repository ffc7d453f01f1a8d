//! Keeps what the allocator and the loader hold back small, since every page that they keep counts against the ceiling.
//!
//! Big buffers do not come through it (they come from leases); figures are in `docs/decisions/0002-allocator.md`.

use std::ffi::{c_int, c_long};

/// Milliseconds until freed pages go back to the system: `mi_option_purge_delay` of mimalloc 2.
const PURGE_DELAY: c_int = 15;
/// Addresses that it reserves at once, in KiB: `mi_option_arena_reserve`; zero means that it asks when it needs some.
#[cfg(target_os = "linux")]
const ARENA_RESERVE: c_int = 23;

/// What is beneath the counting allocator, for `swath doctor`.
pub const NAME: &str = "mimalloc 2, counted; freed pages go back at once, no huge pages";

unsafe extern "C" {
    fn mi_option_set(option: c_int, value: c_long);
    fn mi_collect(force: bool);
    #[cfg(test)]
    fn mi_option_get(option: c_int) -> c_long;
}

/// Makes the allocator give back what is freed, and the kernel never round the heap up to huge pages; called once,
/// before there are threads.
pub fn tune() {
    // SAFETY: mimalloc is linked as the global allocator; the function stores a number in a table of its own and checks
    // the index itself.
    unsafe { mi_option_set(PURGE_DELAY, 0) }
    // The C library, from which compressors take memory, would reserve 64 MiB of addresses for each thread.
    // SAFETY: the call only sets a number of the C library's allocator, and there is one thread.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    // A kernel that does not know the call has no huge pages to fear either.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Variables with which a process of this program reserves no addresses before it knows its limit.
pub fn for_workers() -> Vec<(String, String)> {
    vec![("MIMALLOC_ARENA_RESERVE".into(), "0".into())]
}

/// Gives back what planning took and the run may not need: freed pages of the heap, and pages of code, which the system
/// maps anew where they are wanted.
pub fn give_back() {
    // SAFETY: it only returns pages in which nothing lives.
    unsafe { mi_collect(true) }
    swath_core::rest_code();
}

/// Runs before `main`, since the allocator reserves at its first allocation, which comes before that.
#[cfg(target_os = "linux")]
#[used]
// SAFETY: the section holds functions of this type, which the system calls once each before `main`.
#[unsafe(link_section = ".init_array")]
static EARLY: extern "C" fn() = reserve_nothing_under_a_limit;

/// A gigabyte of addresses for later would be taken from what `ulimit -v` or `ulimit -d` allow.
#[cfg(target_os = "linux")]
extern "C" fn reserve_nothing_under_a_limit() {
    use rustix::process::{Resource, getrlimit};
    if [Resource::As, Resource::Data].into_iter().any(|resource| getrlimit(resource).current.is_some()) {
        // SAFETY: as in `tune`; the function needs nothing to be set up before it.
        unsafe { mi_option_set(ARENA_RESERVE, 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_has_the_number_that_this_mimalloc_gives_it() {
        // The defaults of the option and its neighbours tell: a release that renumbers them fails here.
        // SAFETY: as in `tune`; the function reads a number from the table.
        let get = |option| unsafe { mi_option_get(option) };
        assert_eq!([PURGE_DELAY, PURGE_DELAY + 1, PURGE_DELAY + 3].map(get), [10, 0, 100]);
        #[cfg(target_os = "linux")]
        assert_eq!([ARENA_RESERVE - 2, ARENA_RESERVE, ARENA_RESERVE + 1].map(get), [10, 1 << 20, 10]);
        tune();
        assert_eq!(get(PURGE_DELAY), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn code_of_files_is_given_back() {
        let of_files = || {
            let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).map(str::to_owned);
            line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        };
        // Other tests run at the same time, and want their code back.
        let is_smaller = || {
            let before = of_files();
            give_back();
            before.is_none() || of_files() < before
        };
        assert!((0..50).any(|_| is_smaller()), "still {:?} kB", of_files());
    }
}
