//! Child processes that cannot get lost: logged, in a process group of their own, guarded so that they end with
//! their owner even when that is killed, and marked so that the next owner finds those that even so are left.

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

/// Names the data directory in the environment of every child. It is how leftovers are recognised: unlike a
/// recorded process id, it cannot come to mean another process, and there is no moment before it is written.
const MARK: &str = "BOOKSHELF_CONTROL_PLANE_DIR";

/// The interval at which conditions are polled.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// The time that a process has to stop on SIGSTOP.
const PAUSE_WITHIN: Duration = Duration::from_secs(5);

/// The number of lines of a log that an error quotes.
const TAIL_LINES: usize = 20;

/// A running child. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    guard: Option<Guard>,
    log: PathBuf,
    log_start: u64,
}

impl Process {
    /// Starts `command` as a child that belongs to the data directory `dir`, its output in `logs/NAME.log` there.
    ///
    /// The child gets a process group of its own, so that a terminal's Ctrl-C reaches only the owner, which ends the
    /// children in order.
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

    /// The name that it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
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

    /// Stops it where it stands (SIGSTOP), until [`Process::resume`], and returns when it does nothing any more.
    pub fn pause(&mut self) -> Result<()> {
        let pid = self.signal(Signal::STOP)?;
        let deadline = Instant::now() + PAUSE_WITHIN;
        // Its threads stop one after the other, some time after the signal was sent.
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

    /// Lets a paused process go on (SIGCONT).
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT).map(drop)
    }

    /// Ends it with SIGKILL, and returns when it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .with_context(|| format!("cannot kill {} (process {})", self.name, self.id()))?;
        self.guard = None;
        Ok(())
    }

    /// Asks it to end (SIGTERM), waits for `patience`, then kills it. Returns true if it ended by itself, however it
    /// did.
    pub async fn terminate(&mut self, patience: Duration) -> Result<bool> {
        if self.exited()?.is_some() {
            return Ok(true);
        }
        // A paused process gets to see its SIGTERM only when it goes on. One that is gone by now gets neither, and
        // that is no error.
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

    /// The last lines it has written since it was started, and where the rest is: for errors.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let tail = tail(&self.log, self.log_start).unwrap_or_else(|error| format!("(unreadable: {error})"));
        format!("the end of {}:\n{tail}", self.log.display())
    }

    /// Everything it has written since it was started.
    pub(crate) fn output(&self) -> String {
        read_from(&self.log, self.log_start).unwrap_or_default()
    }

    fn signal(&mut self, signal: Signal) -> Result<Pid> {
        // Once the child has ended, its id may come to be another process's.
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
        // An error here means that it had ended before.
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
