//! Checks the first words of rustdoc summaries: a noun phrase or a verb, not a clause.

// Clippy recognises only functions marked `#[test]` as tests.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The directories that must stay without such summaries.
const HELD: &[&str] = &[
    "crates/admin-api",
    "crates/bookshelf-crd",
    "crates/bookshelf-http",
    "crates/bookshelf-store",
    "crates/user-api",
    "hack",
];

const SEARCHED: [&str; 2] = ["crates", "hack"];

/// The words that no summary may begin with.
const CLAUSE_WORDS: [&str; 15] = [
    "What", "Whether", "How", "Who", "Whose", "Where", "When", "Of", "That", "Those", "Which", "By", "If",
    "As", "So",
];

#[test]
fn no_summary_begins_with_a_clause() {
    let workspace = fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
    let mut failures = Vec::new();
    let mut counts = BTreeMap::<PathBuf, usize>::new();
    for searched in SEARCHED {
        for file in source_files(&workspace.join(searched)) {
            let name = file.strip_prefix(&workspace).unwrap();
            let held = HELD.iter().any(|directory| name.starts_with(directory));
            let package = name.iter().take(2).collect::<PathBuf>();
            let count = counts.entry(package).or_default();
            for (line, summary) in clauses(&fs::read_to_string(&file).unwrap()) {
                *count += 1;
                if held {
                    failures.push(format!("{}:{line}: {summary}", name.display()));
                }
            }
        }
    }
    for (package, count) in counts {
        println!("{}: {count}", package.display());
    }
    assert!(
        failures.is_empty(),
        "{} summaries begin with a clause. Begin with a noun phrase (\"The cache of one namespace\") or a verb in the \
         third person (\"Returns the cache\"):\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn source_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Returns the summaries in a source text that begin with one of the words, with their line numbers.
fn clauses(source: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut previous = None;
    for (number, line) in (1..).zip(source.lines()) {
        let comment = doc_comment(line);
        let continues = previous == comment.map(|(marker, _)| marker);
        previous = comment.map(|(marker, _)| marker);
        let Some((_, text)) = comment.filter(|_| !continues) else {
            continue;
        };
        let first = text.split(|c: char| !c.is_alphabetic()).next();
        if first.is_some_and(|first| CLAUSE_WORDS.contains(&first)) {
            found.push((number, text));
        }
    }
    found
}

/// Returns the marker and the text of a doc comment line.
fn doc_comment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let marker = ["///", "//!"]
        .into_iter()
        .find(|marker| line.starts_with(marker))?;
    let text = &line[marker.len()..];
    // Four or more slashes are an ordinary comment.
    (!text.starts_with('/')).then(|| (marker, text.trim()))
}

#[test]
fn the_first_line_of_a_doc_comment_is_a_summary() {
    // The bars prevent these lines from being comments of this file.
    let source = "\
|//! What this module is.
|//! Whether this line counts: no.
|
|use std::fs;
|
|/// The cache.
|///
|/// If it is empty, nothing is in it.
|struct Cache {
|    /// Whether it is full.
|    is_full: bool,
|    /// Whatever that may be.
|    other: bool,
|    // When it was made.
|    made: u64,
|    //// Of what.
|    what: u64,
|}
|
|/// By name.
|#[must_use]
|/// As a second comment of the same item, it is a summary to this check.
|fn by_name() {}
"
    .replace('|', "");
    let lines = clauses(&source).into_iter().map(|(line, _)| line);
    assert_eq!(lines.collect::<Vec<_>>(), [1, 10, 20, 22]);
    assert_eq!(clauses(&source)[1].1, "Whether it is full.");
}
