//! Prints the OpenAPI document of admin-api, and nothing else.

use std::io::{self, Write as _};

use bookshelf_http::args::AuthMode;

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", admin_api::openapi(AuthMode::Token))
}
