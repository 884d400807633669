//! A reader of a service's log, which is still being written.

use std::{
    collections::VecDeque,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::eventually;

/// A position in a log of JSON lines. Reads return the lines after it.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
    offset: u64,
    unread: VecDeque<String>,
}

impl Log {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            offset: 0,
            unread: VecDeque::new(),
        }
    }

    /// Moves to the current end of the log, after its last complete line.
    pub fn end(mut self) -> Result<Self> {
        self.read()?;
        self.unread.clear();
        Ok(self)
    }

    /// Returns the first line that `accept` accepts, if it is already written. Skips the lines up to it.
    pub fn find(&mut self, accept: impl Fn(&Value) -> bool) -> Result<Option<Value>> {
        while let Some(line) = self.next()? {
            if accept(&line) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// Waits for a line that `accept` accepts, and returns the first one.
    pub async fn line(&mut self, what: &str, accept: impl Fn(&Value) -> bool) -> Result<Value> {
        eventually(&format!("the log says that {what}"), async || self.find(&accept)).await
    }

    /// Returns the lines written since the last read.
    pub fn rest(&mut self) -> Result<Vec<Value>> {
        std::iter::from_fn(|| self.next().transpose()).collect()
    }

    fn next(&mut self) -> Result<Option<Value>> {
        if self.unread.is_empty() {
            self.read()?;
        }
        let Some(line) = self.unread.pop_front() else {
            return Ok(None);
        };
        let line = serde_json::from_str(&line).with_context(|| format!("not a line of JSON: {line}"))?;
        Ok(Some(line))
    }

    /// Reads the complete lines written since the last call.
    fn read(&mut self) -> Result<()> {
        let mut file = File::open(&self.path).with_context(|| format!("no log {}", self.path.display()))?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        self.offset += u64::try_from(whole.len())?;
        self.unread.extend(whole.lines().map(str::to_owned));
        Ok(())
    }
}
