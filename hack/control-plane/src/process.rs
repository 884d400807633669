//! Child processes that are not lost: each logs to a file and has its own process group, a guard that kills it if its
//! owner is killed, and a mark by which the next owner finds it if it is still left.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

mod guard;
mod leftovers;

pub(crate) use guard::Guard;
pub(crate) use leftovers::end_leftovers;

/// The environment variable with the data directory, set for every child. Leftovers are recognised by it: unlike a
/// saved process id, it can never refer to another process, and it exists as soon as the child does.
const MARK: &str = "BOOKSHELF_CONTROL_PLANE_DIR";

/// The interval at which conditions are polled.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// The time that a process has to stop after SIGSTOP.
const PAUSE_WITHIN: Duration = Duration::from_secs(5);

/// The number of lines of a log that an error quotes.
const TAIL_LINES: usize = 20;

/// A running child process. Drop kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    guard: Option<Guard>,
    log: PathBuf,
    log_start: u64,
}

impl Process {
    /// Starts `command` as a child that belongs to the data directory `dir`, with its output in `logs/NAME.log` there.
    ///
    /// The child gets its own process group, so that Ctrl-C in a terminal reaches only the owner, which then ends the
    /// children gracefully.
    pub fn spawn(name: &str, command: &mut Command, dir: &Path) -> Result<Self> {
        let log = log_path(dir, name);
        let file = open_log(&log).with_context(|| format!("cannot write the log {}", log.display()))?;
        let log_start = file.metadata()?.len();
        let mut child = command
            .env(MARK, dir)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        match Guard::of(&child) {
            Ok(guard) => Ok(Self {
                name: name.to_owned(),
                child,
                guard: Some(guard),
                log,
                log_start,
            }),
            Err(error) => {
                let _ = child.kill().and_then(|()| child.wait());
                Err(error).with_context(|| format!("cannot start the guard of {name}"))
            }
        }
    }

    /// The name given at its start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, once it has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        let status = self
            .child
            .try_wait()
            .with_context(|| format!("cannot get the status of {}", self.name))?;
        if status.is_some() {
            self.guard = None;
        }
        Ok(status)
    }

    /// Suspends the process (SIGSTOP) until [`Process::resume`], and waits until all its threads have stopped.
    pub fn pause(&mut self) -> Result<()> {
        let pid = self.signal(Signal::STOP)?;
        let deadline = Instant::now() + PAUSE_WITHIN;
        // The threads stop one by one, some time after the signal.
        while waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG)?.is_none() {
            ensure!(
                Instant::now() < deadline,
                "{} (process {}) does not pause",
                self.name,
                self.id()
            );
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Resumes a paused process (SIGCONT).
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT).map(drop)
    }

    /// Kills the process (SIGKILL), and waits until it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .with_context(|| format!("cannot kill {} (process {})", self.name, self.id()))?;
        self.guard = None;
        Ok(())
    }

    /// Sends SIGTERM, waits for `patience`, then kills the process. Returns true if it ended without being killed, even
    /// with an error.
    pub async fn terminate(&mut self, patience: Duration) -> Result<bool> {
        if self.exited()?.is_some() {
            return Ok(true);
        }
        // A paused process handles SIGTERM only when it is resumed. An error means that it has already ended.
        let _ = self.signal(Signal::TERM).and_then(|_| self.resume());
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if self.exited()?.is_some() {
                return Ok(true);
            }
            tokio::time::sleep(POLL).await;
        }
        self.kill().map(|()| false)
    }

    /// The last lines that the process has written since its start, and the path of its log, for errors.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let tail = tail(&self.log, self.log_start).unwrap_or_else(|error| format!("(unreadable: {error})"));
        format!("the end of {}:\n{tail}", self.log.display())
    }

    /// All output of the process since its start.
    pub(crate) fn output(&self) -> String {
        read_from(&self.log, self.log_start).unwrap_or_default()
    }

    fn signal(&mut self, signal: Signal) -> Result<Pid> {
        // After the child has ended, its id may belong to another process.
        let running = self.exited()?.is_none();
        let pid = i32::try_from(self.id())
            .ok()
            .and_then(Pid::from_raw)
            .filter(|_| running);
        pid.context("it has ended")
            .and_then(|pid| Ok(kill_process(pid, signal).map(|()| pid)?))
            .with_context(|| format!("cannot signal {} (process {})", self.name, self.id()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.kill();
    }
}

/// The path of the log of the child `name` in the data directory `dir`.
#[must_use]
pub fn log_path(dir: &Path, name: &str) -> PathBuf {
    dir.join("logs").join(format!("{name}.log"))
}

fn open_log(path: &Path) -> std::io::Result<File> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    OpenOptions::new().create(true).append(true).open(path)
}

fn read_from(path: &Path, start: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn tail(path: &Path, start: u64) -> std::io::Result<String> {
    let text = read_from(path, start)?;
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
}
