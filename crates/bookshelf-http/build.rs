//! Extracts the files of the page at `/docs` from the release of Swagger UI.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, Cursor};
use std::path::PathBuf;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let directory = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut release = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for number in 0..release.len() {
        let mut packed = release.by_index(number)?;
        for name in ["swagger-ui.css", "swagger-ui-bundle.js"] {
            if packed.name().ends_with(&format!("/dist/{name}")) {
                io::copy(&mut packed, &mut File::create(directory.join(name))?)?;
            }
        }
    }
    Ok(())
}
