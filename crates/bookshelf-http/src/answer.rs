//! What answers are made of.

use actix_web::body::MessageBody;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};

/// An answer with a JSON body that is ready as it is.
pub fn json(response: &mut HttpResponseBuilder, body: impl MessageBody + 'static) -> HttpResponse {
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(body)
}
