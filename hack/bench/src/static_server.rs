//! A bare actix-web server that answers every request with the same bytes: the limit for an API on actix-web on a
//! machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;
use clap::Parser;

/// Answer every request with the bytes of a file
#[derive(Parser)]
struct Args {
    /// Address and port to listen on
    #[arg(long, env = "BOOKSHELF_STATIC_LISTEN", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,

    /// File with the body of every response
    #[arg(long, env = "BOOKSHELF_STATIC_BODY")]
    body: PathBuf,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let args: Args = bookshelf_http::args::parse();
    let body = std::fs::read(&args.body).with_context(|| format!("cannot read {}", args.body.display()))?;
    let body = Bytes::from(body);
    HttpServer::new(move || {
        let body = body.clone();
        App::new().default_service(web::to(move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(body) }
        }))
    })
    .workers(1)
    .bind(args.listen)
    .with_context(|| format!("cannot listen on {}", args.listen))?
    .run()
    .await
    .context("the server failed")
}
