//! The per-user cache of built programs.

use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{Tool, go, module::Module};

/// Returns the cached program, and builds it first if it is missing.
pub(super) fn find_or_build(tool: Tool) -> Result<PathBuf> {
    find_or_build_in(&root()?.join("control-plane"), tool, go::build)
}

/// Builds a program under a temporary name and renames it when it is complete. So every program in the cache is usable,
/// and leftovers of a killed build do no harm.
fn find_or_build_in(
    root: &Path,
    tool: Tool,
    build: impl FnOnce(Tool, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let dir = root.join(Module::of(tool).cache_key());
    let program = dir.join(tool.name());
    if program.exists() {
        return Ok(program);
    }
    fs::create_dir_all(&dir).with_context(|| format!("cannot create the cache {}", dir.display()))?;
    let _lock = lock(root, tool)?;
    if program.exists() {
        return Ok(program);
    }
    // In a separate directory, since a Go process that outlives a killed build may still write to that build's file.
    let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(&dir)?;
    let output = unfinished.path().join(tool.name());
    build(tool, &output)?;
    fs::rename(&output, &program).with_context(|| format!("cannot name the built {}", program.display()))?;
    remove_unfinished(&dir);
    Ok(program)
}

/// Removes leftovers of killed builds. Errors are ignored: leftovers do no harm.
fn remove_unfinished(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(".unfinished-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Waits until no other process builds. The lock is released when its holder ends, even if killed.
fn lock(root: &Path, tool: Tool) -> Result<File> {
    let path = root.join("build.lock");
    let lock = || -> std::io::Result<File> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                eprintln!("waiting for process {holder}, which is building, before building {tool}");
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
        Ok(file)
    };
    lock().with_context(|| format!("cannot lock {}", path.display()))
}

/// Returns the directory of the programs that this project builds for a user. All checkouts share it.
pub(super) fn root() -> Result<PathBuf> {
    let home = || env::home_dir().filter(|home| home.is_absolute());
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|cache| cache.is_absolute());
    cache
        .or_else(|| {
            Some(home()?.join(if cfg!(target_os = "macos") {
                "Library/Caches"
            } else {
                ".cache"
            }))
        })
        .map(|cache| cache.join("bookshelf"))
        .context("no place to keep what is built: set HOME or XDG_CACHE_HOME")
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::mpsc, thread};

    use anyhow::bail;

    use super::*;

    fn write(path: &Path) -> Result<()> {
        Ok(fs::write(path, "program")?)
    }

    #[test]
    fn a_cached_program_is_not_built_again() {
        let root = tempfile::tempdir().unwrap();
        let builds = Cell::new(0);
        for _ in 0..2 {
            let path = find_or_build_in(root.path(), Tool::Etcd, |_, output| {
                builds.set(builds.get() + 1);
                write(output)
            });
            assert_eq!(fs::read_to_string(path.unwrap()).unwrap(), "program");
        }
        assert_eq!(builds.get(), 1);
    }

    #[test]
    fn a_build_that_was_cut_short_is_built_again() {
        let root = tempfile::tempdir().unwrap();
        let cut_short = find_or_build_in(root.path(), Tool::Etcd, |_, output| {
            write(output)?;
            bail!("killed")
        });
        assert!(cut_short.is_err());

        let path = find_or_build_in(root.path(), Tool::Etcd, |_, output| {
            Ok(fs::write(output, "whole")?)
        })
        .unwrap();

        assert_eq!(fs::read_to_string(path).unwrap(), "whole");
    }

    #[test]
    fn two_callers_that_need_the_same_program_build_it_once() {
        let root = tempfile::tempdir().unwrap();
        let (started, building) = mpsc::channel();
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                find_or_build_in(root.path(), Tool::Helm, |_, output| {
                    started.send(()).unwrap();
                    write(output)
                })
            });
            building.recv().unwrap();
            let second = find_or_build_in(root.path(), Tool::Helm, |_, _| bail!("built twice"));
            assert_eq!(second.unwrap(), first.join().unwrap().unwrap());
        });
    }
}
