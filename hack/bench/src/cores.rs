//! The division of the cores: one for the measured program, the others for everything else.

use std::thread;

use anyhow::{Context as _, Result};

/// The cores that this program may use, and their division.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    all: Vec<usize>,
    division: Option<Division>,
}

#[derive(Clone, Debug)]
struct Division {
    server: usize,
    others: Vec<usize>,
}

impl Cores {
    /// Divides the cores that this program may use at the time of the call.
    ///
    /// Call this at startup: later, this program may no longer use the server's core.
    ///
    /// The server gets the last core, since interrupts and system work prefer the first.
    pub(crate) fn divide() -> Self {
        let all = affinity::allowed();
        let division = match all.as_slice() {
            [others @ .., server] if !others.is_empty() => Some(Division {
                server: *server,
                others: others.to_vec(),
            }),
            _ => None,
        };
        Self { all, division }
    }

    pub(crate) fn description(&self) -> String {
        match (&self.division, self.all.len()) {
            (Some(Division { server, others }), _) => {
                let others: Vec<String> = others.iter().map(ToString::to_string).collect();
                format!(
                    "the measured program on core {server}, everything else on {}, and all on all cores under the load of writes",
                    others.join(", ")
                )
            }
            (None, 1) => {
                "not pinned, as there is one core: the measured program shares it with the load".to_owned()
            }
            (None, _) => "not pinned, which this bench can do on Linux only".to_owned(),
        }
    }

    /// Runs `action` on the server's core. The child processes that it starts stay on that core.
    pub(crate) fn on_server<T: Send>(&self, action: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        // A child inherits the affinity of the thread that starts it, so this needs a separate thread.
        let on_thread = || {
            if let Some(division) = &self.division {
                affinity::set(None, &[division.server]).context("cannot pin to the server's core")?;
            }
            action()
        };
        let joined = thread::scope(|scope| scope.spawn(on_thread).join());
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Keeps all threads of process `id`, and their future children, off the server's core.
    pub(crate) fn keep_off(&self, id: u32) -> Result<()> {
        match &self.division {
            Some(division) => set_all(id, &division.others),
            None => Ok(()),
        }
    }

    /// Lets process `id` use all cores again.
    pub(crate) fn release(&self, id: u32) -> Result<()> {
        match &self.division {
            Some(_) => set_all(id, &self.all),
            None => Ok(()),
        }
    }
}

fn set_all(id: u32, cores: &[usize]) -> Result<()> {
    // The second pass catches threads that were started during the first by threads not yet pinned.
    for _ in 0..2 {
        for entry in std::fs::read_dir(format!("/proc/{id}/task"))?.flatten() {
            let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // The thread may have ended.
            let _ = affinity::set(Some(thread), cores);
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod affinity {
    use rustix::{
        io,
        process::Pid,
        thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    };

    pub(super) fn allowed() -> Vec<usize> {
        let set = sched_getaffinity(None).unwrap_or_default();
        (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
    }

    /// Sets the affinity of a thread; `None` is the current thread.
    pub(super) fn set(thread: Option<i32>, cores: &[usize]) -> io::Result<()> {
        let mut set = CpuSet::new();
        for core in cores {
            set.set(*core);
        }
        sched_setaffinity(thread.and_then(Pid::from_raw), &set)
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    pub(super) fn allowed() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn set(_thread: Option<i32>, _cores: &[usize]) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_started_on_the_servers_core_may_run_there_only() {
        let cores = Cores::divide();
        let of_child = || {
            let output = std::process::Command::new("cat")
                .arg("/proc/self/status")
                .output()?;
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let status = cores.on_server(of_child).unwrap();
        if let Some(division) = &cores.division {
            let line = format!("Cpus_allowed_list:\t{}\n", division.server);
            assert!(status.contains(&line), "{status}");
        }
    }
}
