//! `/docs`: the OpenAPI document as a web page, by [Swagger UI](https://swagger.io/tools/swagger-ui/). The binary has
//! all files of the page, and its security policy lets a browser load nothing from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use crate::extract::Request;
use crate::problem::{Code, Problem};
use crate::route::Reply;

/// The sources that the page may load from. Swagger UI has inline styles, and icons as `data:` URLs in its style sheet.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";
/// One day, since the files change only with a release.
const KEPT: &str = "public, max-age=86400";

const PAGE: &str = include_str!("docs/page.html");
const START: &str = include_str!("docs/start.js");
const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.css"));
const BUNDLE: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js"));

/// This documentation as a web page
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "get_docs",
    tag = "service",
    responses((
        status = 200,
        description = "The page",
        content_type = "text/html",
        body = String,
        headers(("Content-Security-Policy" = String, description = "The page loads nothing from elsewhere")),
        example = json!(PAGE)
    ))
)]
#[expect(clippy::unnecessary_wraps, reason = "handlers have one signature")]
pub(crate) fn page(_: &Request) -> Result<Reply, Problem> {
    let page = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(PAGE);
    Ok(page.into())
}

/// A file of the documentation page
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "get_docs_file",
    tag = "service",
    params(("file" = File, Path, description = "The name of the file")),
    responses((
        status = 200,
        description = "The file",
        content((String = "text/javascript"), (String = "text/css")),
        headers(("Cache-Control" = String, description = "The time for which it may be kept"))
    )),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn file(request: &Request) -> Result<Reply, Problem> {
    let (kind, content) = match request.file() {
        "start.js" => ("text/javascript", START),
        "swagger-ui.css" => ("text/css", STYLE),
        "swagger-ui-bundle.js" => ("text/javascript", BUNDLE),
        _ => return Err(Problem::new(Code::NotFound, "not found: the file does not exist")),
    };
    let file = HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, KEPT))
        .insert_header((CONTENT_TYPE, kind))
        .body(content);
    Ok(file.into())
}

/// The files of the page.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the names are matched as they are")]
pub(crate) enum File {
    #[schema(rename = "start.js")]
    Start,
    #[schema(rename = "swagger-ui.css")]
    Style,
    #[schema(rename = "swagger-ui-bundle.js")]
    Bundle,
}
