//! Kills a child whose owner is killed.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// A shell that waits for the end of its standard input, which closes when the owner ends in any way, and then kills
/// the child. Must be dropped once the child has ended: from then on its id may belong to another process.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    pub(crate) fn of(child: &Child) -> std::io::Result<Self> {
        Command::new("sh")
            .args(["-c", "cat >/dev/null; kill -KILL \"$0\"", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the owner, and the guard must outlive it.
            .process_group(0)
            .spawn()
            .map(Self)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The guard is killed before its input closes, so that it does not kill the child.
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}
