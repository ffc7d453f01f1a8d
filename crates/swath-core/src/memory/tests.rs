//! Limits read from literal trees of `/proc` and `/sys/fs/cgroup`.
#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;

const MIB: u64 = 1 << 20;

/// The parts of `/proc` that every tree has: 16 GiB of memory of which 8 are free, a process of 10 MiB.
const MACHINE: &[(&str, &str)] = &[
    ("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n"),
    (
        "proc/self/status",
        "Name:\tswath\nVmSize:\t  102400 kB\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nVmData:\t   51200 kB\n\
         Cpus_allowed:\tff\nCpus_allowed_list:\t0-3,6,8-9\n",
    ),
];

const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
const V1_MOUNTS: &str = "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n\
    32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
    35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n";

fn detect(files: &[(&str, &str)]) -> Limits {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in MACHINE.iter().chain(files) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Limits::detect_in(root.path(), None)
}

/// Every limit as (source, path, total, available), in MiB.
fn found(limits: &Limits) -> Vec<(LimitSource, String, u64, u64)> {
    let row = |limit: &Limit| {
        let path = limit.path.as_ref().map_or(String::new(), |path| path.display().to_string());
        (limit.source, path, limit.total.0 / MIB, limit.available.0 / MIB)
    };
    limits.memory_found.iter().map(row).collect()
}

fn machine() -> (LimitSource, String, u64, u64) {
    (LimitSource::MemAvailable, "/proc/meminfo".into(), 16384, 8192 + 10)
}

#[test]
fn a_machine_without_groups() {
    let limits = detect(&[]);
    assert_eq!(found(&limits), [machine()]);
    assert_eq!((limits.cores, limits.threads(), limits.cpu_quota), (7, 7, None));
    assert_eq!(limits.unknown.len(), 1);
}

#[test]
fn version_2_with_a_tighter_group_above() {
    let limits = detect(&[
        ("proc/self/cgroup", "0::/user.slice/run.scope\n"),
        ("proc/self/mountinfo", V2_MOUNT),
        ("sys/fs/cgroup/user.slice/run.scope/memory.max", "max\n"),
        ("sys/fs/cgroup/user.slice/run.scope/memory.high", "1073741824\n"),
        ("sys/fs/cgroup/user.slice/run.scope/memory.current", "31457280\n"),
        ("sys/fs/cgroup/user.slice/run.scope/memory.stat", "anon 1\ninactive_file 10485760\nactive_file 3\n"),
        ("sys/fs/cgroup/user.slice/run.scope/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/user.slice/memory.max", "536870912\n"),
        ("sys/fs/cgroup/user.slice/memory.high", "max\n"),
        ("sys/fs/cgroup/user.slice/memory.current", "220200960\n"),
        ("sys/fs/cgroup/user.slice/memory.stat", "inactive_file 104857600\n"),
        ("sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n"),
    ]);
    assert_eq!(
        found(&limits),
        [
            machine(),
            // 30 in use, 10 of it cache that can go, 10 our own.
            (LimitSource::CgroupHigh, "/sys/fs/cgroup/user.slice/run.scope/memory.high".into(), 1024, 1024 - 10),
            (LimitSource::CgroupMax, "/sys/fs/cgroup/user.slice/memory.max".into(), 512, 512 - (210 - 100 - 10)),
        ]
    );
    assert_eq!(limits.tightest().source, LimitSource::CgroupMax);
    assert_eq!(limits.tightest().available, Bytes(412 * MIB));
    let quota = limits.cpu_quota.clone().unwrap();
    assert_eq!((quota.quota_us, quota.period_us, limits.threads()), (150_000, 100_000, 2));
    assert_eq!(quota.path, Path::new("/sys/fs/cgroup/user.slice/cpu.max"));
}

#[test]
fn version_2_in_a_container_that_sees_its_own_group_as_the_root() {
    for (membership, mount) in [
        // With a namespace of its own.
        ("0::/\n", V2_MOUNT.to_string()),
        // Without: the mount shows only the container's group.
        ("0::/docker/f00\n", V2_MOUNT.replace(" / /sys", " /docker/f00 /sys")),
        // Moved out of the part that the mount shows.
        ("0::/../other\n", V2_MOUNT.to_string()),
    ] {
        let limits = detect(&[
            ("proc/self/cgroup", membership),
            ("proc/self/mountinfo", &mount),
            ("sys/fs/cgroup/memory.max", "268435456\n"),
            ("sys/fs/cgroup/memory.current", "5242880\n"),
        ]);
        let expect = (LimitSource::CgroupMax, "/sys/fs/cgroup/memory.max".into(), 256, 256);
        assert_eq!(found(&limits), [machine(), expect], "{membership}");
    }
}

#[test]
fn version_1_with_nested_groups() {
    let limits = detect(&[
        ("proc/self/cgroup", "4:memory:/jobs/one\n2:cpu,cpuacct:/jobs\n1:name=systemd:/\n"),
        ("proc/self/mountinfo", V1_MOUNTS),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "9999999999\n"),
        ("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "1073741824\n"),
        ("sys/fs/cgroup/memory/jobs/memory.usage_in_bytes", "943718400\n"),
        ("sys/fs/cgroup/memory/jobs/memory.stat", "cache 1\ntotal_inactive_file 314572800\n"),
        ("sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes", "536870912\n"),
        ("sys/fs/cgroup/memory/jobs/one/memory.usage_in_bytes", "10485760\n"),
        ("sys/fs/cgroup/memory/jobs/one/memory.stat", "hierarchical_memory_limit 536870912\ntotal_inactive_file 0\n"),
        ("sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us", "50000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
    ]);
    assert_eq!(
        found(&limits),
        [
            machine(),
            (LimitSource::CgroupLimit, "/sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes".into(), 512, 512),
            (LimitSource::CgroupLimit, "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes".into(), 1024, 1024 - 590),
        ]
    );
    assert_eq!(limits.tightest().available, Bytes(434 * MIB), "the group above is looser, but fuller");
    assert_eq!(limits.threads(), 1, "half a processor is one thread");
}

#[test]
fn version_1_with_a_limit_above_what_the_container_sees() {
    let limits = detect(&[
        ("proc/self/cgroup", "4:memory:/pods/a/b\n"),
        ("proc/self/mountinfo", &V1_MOUNTS.replace(" / /sys/fs/cgroup/memory", " /pods/a/b /sys/fs/cgroup/memory")),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.stat", "hierarchical_memory_limit 268435456\n"),
    ]);
    let expect = (LimitSource::CgroupAbove, "/sys/fs/cgroup/memory/memory.stat".into(), 256, 256);
    assert_eq!(found(&limits), [machine(), expect]);
}

#[test]
fn both_versions_at_once() {
    let mounts = format!("{V1_MOUNTS}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
    let limits = detect(&[
        ("proc/self/cgroup", "4:memory:/process/abc\n2:cpu:/\n0::/user\n"),
        ("proc/self/mountinfo", &mounts),
        ("sys/fs/cgroup/memory/process/memory.limit_in_bytes", "134217728\n"),
        ("sys/fs/cgroup/memory/process/memory.usage_in_bytes", "0\n"),
        ("sys/fs/cgroup/unified/user/memory.max", "402653184\n"),
        ("sys/fs/cgroup/unified/user/cpu.max", "100000 100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
    ]);
    // The process's own group of version 1 is not visible below the mount; the one above it is.
    assert_eq!(
        found(&limits),
        [
            machine(),
            (LimitSource::CgroupMax, "/sys/fs/cgroup/unified/user/memory.max".into(), 384, 384),
            (LimitSource::CgroupLimit, "/sys/fs/cgroup/memory/process/memory.limit_in_bytes".into(), 128, 128),
        ]
    );
    assert_eq!(limits.threads(), 1, "the tighter quota of both");
}

#[test]
fn limits_of_the_process_itself() {
    let limits = detect(&[(
        "proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max data size             unlimited            unlimited            bytes     \n\
         Max address space         536870912            unlimited            bytes     \n",
    )]);
    // 90 MiB are mapped without being resident, 46 will be, and two workers take 69 each.
    let expect = (LimitSource::AddressSpace, "/proc/self/limits".into(), 512, 512 - 90 - 46 - 2 * 69);
    assert_eq!(found(&limits), [machine(), expect]);
    assert_eq!(
        (limits.workers_max, limits.workers(None), limits.workers(Some(1)), limits.threads()),
        (Some(2), 2, 1, 7)
    );
    for (needed, smallest, hint) in
        [(200 * MIB, 30 * MIB, None), (300 * MIB, 30 * MIB, Some("--memory 249MB would do"))]
    {
        let refusal = limits.hold("the job", Bytes(needed), Bytes(smallest)).err();
        assert_eq!(refusal.is_some(), hint.is_some());
        let told = refusal.and_then(|error| error.hint()).unwrap_or_default();
        assert!(told.starts_with(hint.unwrap_or_default()), "{told}");
    }
    let never = limits.hold("the job", Bytes(400 * MIB), Bytes(300 * MIB)).unwrap_err();
    assert_eq!(never.exit_code(), 3);
    assert!(never.hint().unwrap().starts_with("raise the limit by 169MB, or by 65MB"), "{:?}", never.hint());
    let data = detect(&[("proc/self/limits", "Max data size 104857600 unlimited bytes\n")]);
    assert_eq!(found(&data)[1], (LimitSource::DataSize, "/proc/self/limits".into(), 100, 60 - 23 - 27));
}

#[test]
fn a_system_that_tells_nothing() {
    let root = tempfile::tempdir().unwrap();
    let limits = Limits::detect_in(root.path(), None);
    assert_eq!(limits.tightest().source, LimitSource::Assumed);
    assert_eq!(limits.unknown.len(), 2);
    assert!(limits.threads() >= 1);
}

#[test]
fn nonsense_in_the_files_is_no_limit() {
    for text in ["", "lots", "-5", "99999999999999999999999999", "\u{0}"] {
        let limits = detect(&[
            ("proc/self/cgroup", "0::/\nnonsense\n::\n"),
            ("proc/self/mountinfo", &format!("nonsense\n - \n{V2_MOUNT}")),
            ("proc/self/limits", &format!("Max data size {text}")),
            ("sys/fs/cgroup/memory.max", text),
            ("sys/fs/cgroup/cpu.max", text),
        ]);
        assert_eq!(found(&limits), [machine()], "{text:?}");
        assert_eq!(limits.cpu_quota, None);
    }
}

#[test]
fn requests_parse_print_and_resolve() {
    let limits = detect(&[
        ("proc/self/cgroup", "0::/\n"),
        ("proc/self/mountinfo", V2_MOUNT),
        ("sys/fs/cgroup/memory.max", "1000000000\n"),
    ]);
    for (text, printed, bytes) in [
        ("256MB", "256 MB", 256_000_000),
        ("1GiB", "1.1 GB", 1 << 30),
        ("60%", "60%", 600_000_000),
        (" 12.5 % ", "12.5%", 125_000_000),
        ("auto", "auto", 820_000_000),
        ("AUTO", "auto", 820_000_000),
    ] {
        let request: MemoryRequest = text.parse().unwrap();
        assert_eq!((request.to_string().as_str(), request.resolve(&limits)), (printed, Bytes(bytes)), "{text}");
    }
    for (text, words) in [
        ("256", "write 256MB"),
        ("0%", "more than 0%"),
        ("101%", "at most 100%"),
        ("some%", "not a share"),
        ("0MB", "too little"),
        ("lots", "not a"),
    ] {
        let refusal = text.parse::<MemoryRequest>().unwrap_err();
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn this_machine_has_limits() {
    let limits = Limits::detect(None);
    assert!(limits.memory_found.iter().any(|limit| limit.source == LimitSource::MemAvailable));
    assert!(limits.tightest().available > Bytes::MIB);
    assert!((1..=limits.cores).contains(&limits.threads()));
}
