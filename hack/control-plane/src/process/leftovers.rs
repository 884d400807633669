//! Children whose owner was killed before it could end them.

use std::{
    ffi::OsString,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, Signal, System, UpdateKind};

use super::{MARK, POLL};

const PATIENCE: Duration = Duration::from_secs(5);

/// Ends every process that is marked as a child of the data directory `dir`, and returns their number.
///
/// The caller must hold the lock of that directory: the children of a living owner have the same mark.
pub(crate) fn end_leftovers(dir: &Path) -> Result<usize> {
    let mark = mark_of(dir);
    let found = signal_marked(&mark, &[Signal::Term, Signal::Continue]);
    if left_after(PATIENCE, &found).is_empty() {
        return Ok(found.len());
    }
    signal_marked(&mark, &[Signal::Kill]);
    let left = left_after(PATIENCE, &found);
    if left.is_empty() {
        return Ok(found.len());
    }
    bail!(
        "processes {left:?} of an earlier run in {} cannot be ended; end them by hand",
        dir.display()
    )
}

fn mark_of(dir: &Path) -> OsString {
    let mut mark = OsString::from(format!("{MARK}="));
    mark.push(dir);
    mark
}

/// Waits until all processes have ended, for `patience` at most. Returns those that have not.
///
/// A process that is ending has lost its environment, and so its mark, before it closes its files and ports: only its
/// state tells that it has ended.
fn left_after(patience: Duration, processes: &[Pid]) -> Vec<Pid> {
    let deadline = Instant::now() + patience;
    let mut system = System::new();
    loop {
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(processes),
            true,
            ProcessRefreshKind::nothing().without_tasks(),
        );
        let has_ended = |pid: &Pid| {
            let status = system.process(*pid).map(sysinfo::Process::status);
            status.is_none_or(|status| matches!(status, ProcessStatus::Zombie | ProcessStatus::Dead))
        };
        let left: Vec<_> = processes.iter().copied().filter(|pid| !has_ended(pid)).collect();
        if left.is_empty() || Instant::now() >= deadline {
            return left;
        }
        thread::sleep(POLL);
    }
}

/// Sends `signals` to every process with this mark, and returns their ids.
fn signal_marked(mark: &OsString, signals: &[Signal]) -> Vec<Pid> {
    let mut system = System::new();
    system.refresh_processes_specifics(
        ProcessesToUpdate::All,
        true,
        ProcessRefreshKind::nothing()
            .with_environ(UpdateKind::Always)
            .without_tasks(),
    );
    system
        .processes()
        .values()
        .filter(|process| process.environ().contains(mark))
        .map(|process| {
            for signal in signals {
                process.kill_with(*signal);
            }
            process.pid()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process::Process;

    #[test]
    fn ends_the_children_of_this_directory_and_of_no_other() {
        let ours = tempfile::tempdir().unwrap();
        let theirs = tempfile::tempdir().unwrap();
        let sleeper = || {
            let mut command = Command::new("sleep");
            command.arg("60");
            command
        };
        let mut leftover = Process::spawn("sleeper", &mut sleeper(), ours.path()).unwrap();
        let mut bystander = Process::spawn("sleeper", &mut sleeper(), theirs.path()).unwrap();
        leftover.pause().unwrap();

        assert_eq!(end_leftovers(ours.path()).unwrap(), 1);

        assert!(leftover.exited().unwrap().is_some());
        assert!(bystander.exited().unwrap().is_none());
    }

    #[test]
    fn finds_nothing_where_nothing_was_left() {
        assert_eq!(end_leftovers(tempfile::tempdir().unwrap().path()).unwrap(), 0);
    }
}
