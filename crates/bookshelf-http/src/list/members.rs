//! The members of a list, and the answer: a document, or for a long list a body that is built while it is sent.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpRequest, HttpResponse};
use bookshelf_store::repository::Place;
use sha2::{Digest as _, Sha256};

use super::CAPACITY;
use crate::answer;
use crate::document::{self, Document};
use crate::page::Page;

const HEAD: &[u8] = br#"{"list":["#;

/// The approximate size of a chunk of a long list in bytes.
const CHUNK: usize = 256 << 10;

/// The members of a list.
pub(super) struct Members<T> {
    all: Vec<T>,
    /// The text after the members: the end of the list, and the `continue` of a page.
    tail: String,
    /// The tag of the list: a hash of the members' tags and JSON, the same on every replica and after every restart.
    tag: String,
    /// The length of the list in bytes.
    length: usize,
}

impl<T: Borrow<Document>> Members<T> {
    /// Gathers members, up to the limit of the page.
    pub(super) fn gather<'a>(members: impl Iterator<Item = (T, Place<'a>)>, page: &Page) -> Self {
        // Long enough to rule out accidental collisions.
        const TAG: usize = 16;
        let limit = page.limit.unwrap_or(usize::MAX);
        let mut is_more = false;
        let mut last = Place::default();
        let mut hash = Sha256::new();
        let mut length = HEAD.len();
        let mut gathered = Vec::new();
        for (number, (member, place)) in members.enumerate() {
            is_more = number == limit;
            if is_more {
                break;
            }
            let document: &Document = member.borrow();
            hash.update(document.json());
            hash.update(document.tag());
            length += document.json().len() + usize::from(number > 0);
            last = place;
            gathered.push(member);
        }
        let tail = if is_more {
            // In JSON, base64url needs no escaping.
            let next = page.next(last);
            hash.update(&next);
            format!(r#"],"continue":"{next}"}}"#)
        } else {
            "]}".to_owned()
        };
        let tag = hash.finalize()[..TAG]
            .iter()
            .fold(String::with_capacity(2 * TAG), |mut tag, byte| {
                // Writing to a string does not fail.
                let _ = write!(tag, "{byte:02x}");
                tag
            });
        Self {
            length: length + tail.len(),
            all: gathered,
            tail,
            tag,
        }
    }

    /// Returns true if the whole list may be held in memory.
    pub(super) fn fit_together(&self) -> bool {
        u64::try_from(self.length).is_ok_and(|length| length <= CAPACITY)
    }

    /// Returns the whole list as a document.
    pub(super) fn document(&self) -> Document {
        // The tag follows, in quotes.
        let mut list = Vec::with_capacity(self.length + self.tag.len() + 2);
        list.extend_from_slice(HEAD);
        for (number, member) in self.all.iter().enumerate() {
            if number > 0 {
                list.push(b',');
            }
            list.extend_from_slice(member.borrow().json());
        }
        list.extend_from_slice(self.tail.as_bytes());
        Document::with_tag(list, &self.tag)
    }

    /// Answers a GET. A long list is built while it is sent: otherwise each slow client would hold a whole list in
    /// memory.
    pub(super) fn answer(self, request: &HttpRequest) -> HttpResponse {
        if self.fit_together() {
            return self.document().answer(request);
        }
        let is_not_modified = match document::is_not_modified(request, || &self.tag) {
            Err(problem) => return HttpResponse::from_error(problem),
            Ok(is_not_modified) => is_not_modified,
        };
        let mut response = if is_not_modified {
            HttpResponse::new(StatusCode::NOT_MODIFIED)
        } else {
            let members: Vec<_> = self
                .all
                .into_iter()
                .map(|member| member.borrow().clone())
                .collect();
            let long = Long {
                length: self.length,
                members: members.into_iter(),
                tail: Some(self.tail),
                is_begun: false,
            };
            answer::json(StatusCode::OK, long)
        };
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.tag)) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// The body of a long list.
struct Long {
    length: usize,
    members: std::vec::IntoIter<Document>,
    /// `None` once it is sent.
    tail: Option<String>,
    is_begun: bool,
}

impl MessageBody for Long {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(u64::try_from(self.length).unwrap_or(u64::MAX))
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.tail.is_none() {
            return Poll::Ready(None);
        }
        let mut chunk = BytesMut::with_capacity(CHUNK);
        while chunk.len() < CHUNK {
            let Some(member) = self.members.next() else {
                if !self.is_begun {
                    chunk.extend_from_slice(HEAD);
                }
                chunk.extend_from_slice(self.tail.take().unwrap_or_default().as_bytes());
                break;
            };
            chunk.extend_from_slice(if self.is_begun { b"," } else { HEAD });
            chunk.extend_from_slice(member.json());
            self.is_begun = true;
        }
        Poll::Ready(Some(Ok(chunk.freeze())))
    }
}
