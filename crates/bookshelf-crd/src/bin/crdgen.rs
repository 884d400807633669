//! Prints the CRDs as YAML, and nothing else: `crdgen | kubectl apply -f -`.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    match print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crdgen: cannot write the definitions to standard output: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for definition in bookshelf_crd::custom_resource_definitions() {
        let yaml = serde_saphyr::to_string(&definition).map_err(io::Error::other)?;
        write!(out, "---\n{yaml}")?;
    }
    out.flush()
}
