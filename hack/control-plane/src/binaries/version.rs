//! Versions of programs.

use std::{
    fmt::{self, Display, Formatter},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::Tool;

/// The major and minor version, which decide compatibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Version {
    pub(super) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Returns the first version in `text`, since programs print theirs among other words.
    pub(super) fn find_in(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_digit() && c != '.')
            .find_map(|word| {
                let mut numbers = word.split('.').map(str::parse);
                match (numbers.next(), numbers.next()) {
                    (Some(Ok(major)), Some(Ok(minor))) => Some(Self { major, minor }),
                    _ => None,
                }
            })
    }
}

impl Display for Version {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Runs the program at `path` to get its version, which also shows that it works on this machine.
pub(super) fn of(tool: Tool, path: &Path) -> Result<Version> {
    let arguments = tool.version_arguments();
    let output = Command::new(path)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("it does not run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "`{} {}` failed ({})",
        tool,
        arguments.join(" "),
        output.status
    );
    Version::find_in(&text).with_context(|| format!("`{} {}` prints no version", tool, arguments.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_the_output_of_programs() {
        for (text, version) in [
            (
                "etcd Version: 3.6.16\nGit SHA: Not provided\n",
                Version::new(3, 6),
            ),
            ("Kubernetes v1.36.3", Version::new(1, 36)),
            (
                "Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0",
                Version::new(1, 32),
            ),
            ("v4.3", Version::new(4, 3)),
            ("v3.16.2+g13654a5", Version::new(3, 16)),
            ("go version go1.26.8 linux/amd64", Version::new(1, 26)),
            ("go version go1.27rc1 linux/amd64", Version::new(1, 27)),
        ] {
            assert_eq!(Version::find_in(text), Some(version), "{text}");
        }
        assert_eq!(Version::find_in("no version here."), None);
    }

    #[test]
    fn minor_versions_are_numbers_not_text() {
        assert!(Version::new(1, 9) < Version::new(1, 36));
    }
}
