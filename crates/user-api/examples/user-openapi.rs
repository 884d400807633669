//! Prints the OpenAPI document of user-api, and nothing else.

use std::io::{self, Write as _};

use bookshelf_http::args::AuthMode;

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", user_api::openapi(AuthMode::Token))
}
