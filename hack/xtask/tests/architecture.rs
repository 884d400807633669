//! Checks the rules of ARCHITECTURE.md that manifests and sources can show.

// Clippy recognises only functions marked `#[test]` as tests.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of a crate's dependencies, without those of tests.
fn dependencies(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages.find(|candidate| candidate["name"] == package).unwrap();
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let needed = dependencies.filter(|dependency| dependency["kind"].is_null());
    needed
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect()
}

fn assert_without(package: &str, unwanted: &[&str]) {
    let dependencies = dependencies(package);
    assert!(!dependencies.is_empty(), "{package} depends on something");
    for unwanted in unwanted {
        assert!(
            !dependencies.iter().any(|name| name == unwanted),
            "{package} depends on {unwanted}"
        );
    }
}

#[test]
fn the_custom_resources_bring_no_client_runtime_or_flags() {
    assert_without(
        "bookshelf-crd",
        &["kube-client", "tokio", "clap", "actix-web", "bookshelf-store"],
    );
}

#[test]
fn the_store_knows_nothing_of_http_servers_or_flags() {
    assert_without(
        "bookshelf-store",
        &["actix-web", "clap", "anyhow", "bookshelf-http"],
    );
}

#[test]
fn an_api_knows_neither_the_kubernetes_client_nor_the_other_api() {
    assert_without("admin-api", &["kube", "k8s-openapi", "bookshelf-crd", "user-api"]);
    assert_without("user-api", &["kube", "k8s-openapi", "bookshelf-crd", "admin-api"]);
    assert_without(
        "bookshelf-http",
        &["kube", "k8s-openapi", "bookshelf-crd", "admin-api", "user-api"],
    );
}

#[test]
fn the_informer_knows_no_book() {
    assert_without(
        "kube-informer",
        &["bookshelf-crd", "bookshelf-store", "actix-web", "clap", "anyhow"],
    );
}

#[test]
fn a_cache_does_no_io() {
    let source = workspace().join("crates/bookshelf-store/informer/src");
    let mut files = vec![source.join("cache.rs")];
    collect(&source.join("cache"), &mut files);
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let imports = line.trim_start().starts_with("use ");
            let is_io = ["connector", "list_watch", "cached_client", "hyper", "tokio::net"];
            let does_io = imports && is_io.iter().any(|module| line.contains(module));
            assert!(!does_io, "{}: {line}", file.display());
        }
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else {
        files.push(path.to_owned());
    }
}
