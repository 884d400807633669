//! The directory with all state of a control plane, and the lock that ensures a single owner.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::process::end_leftovers;

const LOCK: &str = "lock";

/// An owned data directory. It is locked while this value lives, and free of processes that a killed earlier owner left
/// behind.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    temporary: bool,
    lock: File,
}

impl DataDir {
    /// Takes ownership of `path`. Creates it if it does not exist, with access for its owner only.
    ///
    /// Fails if another process owns it; the error names that process.
    pub fn open(path: &Path) -> Result<Self> {
        create_private(path)?;
        let path = fs::canonicalize(path)?;
        let lock = match try_lock(&path)? {
            Lock::Taken(lock) => lock,
            Lock::HeldBy(pid) => bail!(
                "{} is in use by a control plane that is already running (process {pid}): end that first, or use \
                 another data directory",
                path.display()
            ),
        };
        let directory = Self {
            path,
            temporary: false,
            lock,
        };
        directory.end_leftovers()?;
        Ok(directory)
    }

    /// Creates a directory that is removed when its control plane stops.
    ///
    /// Also removes such directories whose owner was killed, and ends their processes.
    pub fn temporary() -> Result<Self> {
        let root = env::temp_dir().join(format!(
            "bookshelf-control-planes-{}",
            rustix::process::getuid().as_raw()
        ));
        Self::temporary_in(&root)
    }

    fn temporary_in(root: &Path) -> Result<Self> {
        create_private(root)?;
        let root = fs::canonicalize(root)?;
        // Held while directories are created and removed: otherwise a new one could be taken for abandoned before it is
        // locked.
        let _gate = open_lock(&root)
            .and_then(|gate| gate.lock().map(|()| gate))
            .with_context(|| format!("cannot lock {}", root.display()))?;
        sweep(&root);
        let path = tempfile::Builder::new().prefix("run-").tempdir_in(&root)?.keep();
        let Lock::Taken(lock) = try_lock(&path)? else {
            bail!(
                "{} was locked by another process right after its creation",
                path.display()
            );
        };
        Ok(Self {
            path,
            temporary: true,
            lock,
        })
    }

    /// The absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True if the directory is removed when the control plane stops.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// Removes the state of a control plane, so that the next start is like a first one.
    ///
    /// Other files stay, since the directory may have had another use before.
    pub fn clear(&self) -> Result<()> {
        for name in ["etcd", "logs", "pki", "kubeconfig", "ports.json"] {
            let path = self.path.join(name);
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn end_leftovers(&self) -> Result<()> {
        let ended = end_leftovers(&self.path)?;
        if ended > 0 {
            eprintln!(
                "ended {ended} processes that a killed run had left in {}",
                self.path.display()
            );
        }
        Ok(())
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.temporary {
            // A directory that cannot be removed now is removed by a later sweep.
            let _ = fs::remove_dir_all(&self.path);
        }
        // A child process that was just forked still has the file open, which would keep the lock.
        let _ = self.lock.unlock();
    }
}

enum Lock {
    Taken(File),
    HeldBy(String),
}

fn try_lock(dir: &Path) -> Result<Lock> {
    let cannot = || format!("cannot lock {}", dir.display());
    let mut file = open_lock(dir).with_context(cannot)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            write!(file, "{}", std::process::id())?;
            Ok(Lock::Taken(file))
        }
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            file.read_to_string(&mut owner)?;
            Ok(Lock::HeldBy(owner))
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
    }
}

fn open_lock(dir: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(LOCK))
}

/// Removes the directories below `root` without a living owner. A failure is only printed: it must not prevent a new
/// start.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir()
            && let Err(error) = sweep_one(&path)
        {
            eprintln!("cannot clean up {}: {error:#}", path.display());
        }
    }
}

fn sweep_one(path: &Path) -> Result<()> {
    if let Lock::Taken(_lock) = try_lock(path)? {
        end_leftovers(path)?;
        fs::remove_dir_all(path)?;
    }
    Ok(())
}

/// Creates `path` for this user only. Fails if another user owns it, since it holds keys and tokens.
fn create_private(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create the directory {}", path.display()))?;
    let owner = fs::metadata(path)?.uid();
    ensure!(
        owner == rustix::process::getuid().as_raw(),
        "{} belongs to another user (id {owner}): remove it, or set TMPDIR or the data directory to another place",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_of_a_second_owner_names_the_first() {
        let place = tempfile::tempdir().unwrap();
        let _first = DataDir::open(place.path()).unwrap();

        let refusal = DataDir::open(place.path()).unwrap_err().to_string();

        assert!(
            refusal.contains(&format!("already running (process {})", std::process::id())),
            "{refusal}"
        );
    }

    #[test]
    fn a_directory_is_free_at_once_although_a_forked_process_has_the_lock_file() {
        let place = tempfile::tempdir().unwrap();
        let first = DataDir::open(place.path()).unwrap();
        let _of_a_fork = first.lock.try_clone().unwrap();

        drop(first);

        DataDir::open(place.path()).unwrap();
    }

    #[test]
    fn clearing_removes_the_state_and_nothing_of_the_users() {
        let place = tempfile::tempdir().unwrap();
        let owned = DataDir::open(place.path()).unwrap();
        fs::create_dir(place.path().join("etcd")).unwrap();
        for name in ["kubeconfig", "thesis.txt"] {
            fs::write(place.path().join(name), "").unwrap();
        }

        owned.clear().unwrap();

        let mut left: Vec<_> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, [LOCK, "thesis.txt"]);
    }

    #[test]
    fn temporary_directories_of_dead_owners_are_swept_and_those_of_living_ones_kept() {
        let root = tempfile::tempdir().unwrap();
        let dead = root.path().join("run-dead");
        fs::create_dir(&dead).unwrap();
        let alive = DataDir::temporary_in(root.path()).unwrap();

        let new = DataDir::temporary_in(root.path()).unwrap();

        assert!(!dead.exists());
        assert!(alive.path().exists());
        let path = new.path().to_owned();
        drop(new);
        assert!(!path.exists());
    }

    #[test]
    fn only_the_owner_may_look_inside() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new");
        let _owned = DataDir::open(&path).unwrap();
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o700);
    }
}
