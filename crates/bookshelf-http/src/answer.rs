//! JSON answers.

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};

/// Creates an answer with a JSON body.
pub fn json(status: StatusCode, body: impl MessageBody + 'static) -> HttpResponse {
    // Without a builder: its checks cost measurable time in a read.
    let mut answer = HttpResponse::with_body(status, BoxBody::new(body));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}
