//! JSON lines: one event per line.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::{BufMut as _, Bytes, BytesMut};
use actix_web::{HttpRequest, HttpResponse};
use bookshelf_store::repository::Record;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::view;
use crate::stream::accept;

const JSON_LINES: &str = "application/x-ndjson";
/// The approximate size of a chunk in bytes.
const CHUNK: usize = 64 << 10;

/// The schema of JSON lines in the OpenAPI document.
pub struct JsonLines;

impl PartialSchema for JsonLines {
    fn schema() -> RefOr<Schema> {
        let lines: Object = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Events as JSON, one per line."))
            .build();
        lines.into()
    }
}

impl ToSchema for JsonLines {}

/// Returns true if the client prefers JSON lines to a list.
pub(super) fn are_preferred(request: &HttpRequest) -> bool {
    accept::is_preferred_to_json(request, JSON_LINES)
}

/// The body of an answer, which is serialized while it is sent.
pub(super) struct Lines {
    namespace: String,
    records: std::vec::IntoIter<Record>,
}

impl Lines {
    pub(super) fn new(namespace: &str, records: Vec<Record>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            records: records.into_iter(),
        }
    }

    pub(super) fn answer(self) -> HttpResponse {
        let mut answer = HttpResponse::new(StatusCode::OK)
            .set_body(self)
            .map_into_boxed_body();
        let json_lines = HeaderValue::from_static(JSON_LINES);
        answer.headers_mut().insert(CONTENT_TYPE, json_lines);
        answer
    }
}

impl MessageBody for Lines {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let mut chunk = BytesMut::new().writer();
        while chunk.get_ref().len() < CHUNK {
            let Some(record) = self.records.next() else {
                break;
            };
            // Strings always serialize, and writing to memory does not fail.
            let _ = serde_json::to_writer(&mut chunk, &view(&self.namespace, &record));
            chunk.get_mut().put_u8(b'\n');
        }
        let chunk = chunk.into_inner();
        Poll::Ready((!chunk.is_empty()).then(|| Ok(chunk.freeze())))
    }
}
