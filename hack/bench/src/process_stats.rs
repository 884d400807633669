//! The resources used by a process, from Linux's `/proc`; `None` on other systems.

use std::{fs, time::Duration};

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// The maximum so far.
    pub(crate) peak: u64,
}

/// Returns the CPU time of the living threads of process `id` since they started, with nanosecond precision.
pub(crate) fn cpu_time(id: u32) -> Option<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{id}/task")).ok()?.flatten() {
        // The thread may have ended.
        let Ok(schedstat) = fs::read_to_string(thread.path().join("schedstat")) else {
            continue;
        };
        nanoseconds += on_cpu(&schedstat)?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// Returns the memory of process `id`.
pub(crate) fn memory(id: u32) -> Option<Memory> {
    in_status(&fs::read_to_string(format!("/proc/{id}/status")).ok()?)
}

/// Parses the first field: nanoseconds spent on a CPU (`Documentation/scheduler/sched-stats.rst`).
fn on_cpu(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

fn in_status(status: &str) -> Option<Memory> {
    let bytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes * 1024)
    };
    Some(Memory {
        resident: bytes("VmRSS:")?,
        peak: bytes("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_of_proc_are_understood() {
        assert_eq!(on_cpu("1234567 89 10\n"), Some(1_234_567));
        assert_eq!(on_cpu(""), None);
        let status = "Name:\tuser-api\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\nThreads:\t4\n";
        assert_eq!(
            in_status(status),
            Some(Memory {
                resident: 1 << 20,
                peak: 2 << 20
            })
        );
        assert_eq!(in_status("Name:\tkthreadd\n"), None);
    }
}
