//! The web page of an API, at `/`: its files are in the binary, and its security policy lets a browser load nothing
//! from elsewhere and send nothing elsewhere. The page is a client of the API like any other.
//!
//! `ui/` has the files that the pages of both APIs share; [`Page`] has those that an API adds.
//! [`lit-html`](https://lit.dev/docs/libraries/standalone-templates/) is their only library, unchanged from its npm
//! package.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use crate::document;
use crate::entity_tag;
use crate::extract::Request;
use crate::problem::{Code, Problem};
use crate::route::Reply;

/// The sources that a browser may use: this server only. Inline scripts, inline styles and form submission are
/// forbidden, and only lit-html may turn text into elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types lit-html";

/// A file of a page: its name and its content.
pub type File = (&'static str, &'static str);

/// Includes a file of `ui/` by its name, as a [`File`].
#[macro_export]
macro_rules! ui_file {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/ui/", $name)),
        )
    };
}

/// The files of both pages.
const SHARED: &[File] = &[
    ui_file!("api.js"),
    ui_file!("app.css"),
    ui_file!("app.js"),
    ui_file!("books.js"),
    ui_file!("common.de.js"),
    ui_file!("common.en.js"),
    ui_file!("history.js"),
    ui_file!("icon.svg"),
    ui_file!("list.js"),
    ui_file!("listview.js"),
    ("lit-html.js", include_str!("../ui/lit-html/lit-html.js")),
    ui_file!("parts.js"),
    ui_file!("session.js"),
    ui_file!("stream.js"),
    ui_file!("texts.js"),
];

/// The page of an API.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The document at `/`.
    pub document: &'static str,
    /// The files that only this API's page has.
    pub files: &'static [File],
}

/// The page, ready to be served; empty if it is disabled.
#[derive(Debug, Default)]
pub(crate) struct Ui {
    document: Option<Asset>,
    files: Vec<(&'static str, Asset)>,
}

#[derive(Debug)]
struct Asset {
    kind: &'static str,
    content: &'static str,
    tag: String,
}

impl Ui {
    pub(crate) fn new(page: Page) -> Self {
        let files = SHARED.iter().chain(page.files);
        Self {
            document: Some(Asset::new("page.html", page.document)),
            files: files
                .map(|(name, content)| (*name, Asset::new(name, content)))
                .collect(),
        }
    }
}

impl Asset {
    fn new(name: &str, content: &'static str) -> Self {
        let kind = match name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css",
            Some("svg") => "image/svg+xml",
            _ => "text/javascript",
        };
        let tag = entity_tag::of_content(content);
        Self { kind, content, tag }
    }

    fn answer(&self, request: &Request) -> Result<Reply, Problem> {
        let is_not_modified = document::is_not_modified(request, || &self.tag)?;
        let status = if is_not_modified {
            StatusCode::NOT_MODIFIED
        } else {
            StatusCode::OK
        };
        let mut response = HttpResponse::build(status);
        response
            // A later release has other files under the same names.
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((ETAG, format!("\"{}\"", self.tag)));
        if is_not_modified {
            return Ok(response.finish().into());
        }
        response.insert_header((CONTENT_TYPE, self.kind));
        Ok(response.body(self.content).into())
    }
}

/// The web page
///
/// A user interface of this API. `--ui=false` disables it.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "get_page",
    tag = "service",
    responses(
        (
            status = 200,
            description = "The page",
            content_type = "text/html",
            body = String,
            headers(
                ("Cache-Control" = String, description = "The page is revalidated on each use"),
                ("Content-Security-Policy" = String, description = "The page uses nothing from elsewhere")
            )
        ),
        (status = 304, description = "`If-None-Match` names the current entity tag"),
    ),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn page(request: &Request) -> Result<Reply, Problem> {
    let ui = request.data::<Ui>()?;
    let document = ui.document.as_ref().ok_or_else(missing)?;
    document.answer(request)
}

/// A file of the web page
#[utoipa::path(
    get,
    path = "/ui/{file}",
    operation_id = "get_page_file",
    tag = "service",
    params(("file" = String, Path, description = "The name of the file", example = "app.css")),
    responses(
        (
            status = 200,
            description = "The file",
            content((String = "text/javascript"), (String = "text/css"), (String = "image/svg+xml")),
            headers(
                ("Cache-Control" = String, description = "The file is revalidated on each use"),
                ("Content-Security-Policy" = String, description = "The page uses nothing from elsewhere")
            )
        ),
        (status = 304, description = "`If-None-Match` names the current entity tag"),
    ),
    extensions(("x-problems" = json!([Code::NotFound])))
)]
pub(crate) fn file(request: &Request) -> Result<Reply, Problem> {
    let ui = request.data::<Ui>()?;
    let mut files = ui.files.iter();
    let found = files.find(|(name, _)| *name == request.file());
    let (_, file) = found.ok_or_else(missing)?;
    file.answer(request)
}

fn missing() -> Problem {
    Problem::new(Code::NotFound, "not found: the file does not exist")
}
