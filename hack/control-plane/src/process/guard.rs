//! Ends a child whose owner is killed.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// A shell that waits for its standard input to close, which it does when the owner is gone, however it went, and then
/// kills the child. To be dropped as soon as the child is gone: from then on its id may come to be another process's.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    pub(crate) fn of(child: &Child) -> std::io::Result<Self> {
        Command::new("sh")
            .args(["-c", "cat >/dev/null; kill -KILL \"$0\"", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the owner, and the guard is to outlive it.
            .process_group(0)
            .spawn()
            .map(Self)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Killed before its input closes, it has no occasion to strike.
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}
