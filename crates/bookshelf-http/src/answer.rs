//! What answers are made of.

use actix_web::body::MessageBody;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use bookshelf_store::repository::Version;

/// An answer with a JSON body that is ready as it is.
pub fn json(response: &mut HttpResponseBuilder, body: impl MessageBody + 'static) -> HttpResponse {
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(body)
}

/// The strong entity tag of one version of an object: it tells the object from a later one of its name, too.
#[must_use]
pub fn entity_tag(version: &Version) -> (HeaderName, String) {
    (ETAG, format!("\"{version}\""))
}
