//! The requests, which are all built before the first is sent.

use anyhow::{Context as _, Result};
use bookshelf_crd::labels;
use http::{Method, Uri};
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::{
    args::Api,
    books::{self, SCRATCH},
};

/// A write, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Write {
    /// A create, sent to the librarians' API.
    Create,
    /// The same create, sent to the API server.
    Straight,
    Update,
    Borrow,
}

/// A request that is ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The number of its book.
    pub(super) number: u64,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) body: Bytes,
}

impl Write {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Straight => "straight create",
            Self::Update => "update",
            Self::Borrow => "borrow",
        }
    }

    /// The API with this write; `None` is the API server.
    pub(super) fn api(self) -> Option<Api> {
        match self {
            Self::Create | Self::Update => Some(Api::Admin),
            Self::Borrow => Some(Api::User),
            Self::Straight => None,
        }
    }

    /// Returns the request for a book to the server at this URL.
    pub(super) fn request(self, server: &str, number: u64) -> Result<Request> {
        let book = format!("/book/{SCRATCH}/{}", books::name(number));
        let (method, path, body) = match self {
            Self::Create => (Method::POST, format!("/book/{SCRATCH}"), Some(content(number, 0))),
            Self::Straight => (
                Method::POST,
                // The same query as bookshelf sends.
                format!(
                    "/apis/bookshelf.lostinsoba.com/v1alpha1/namespaces/{SCRATCH}/books?&fieldManager=admin-api"
                ),
                Some(serde_json::to_value(books::book(SCRATCH, number))?),
            ),
            Self::Update => (Method::PUT, book, Some(content(number, 1))),
            Self::Borrow => (Method::POST, format!("{book}/borrow"), None),
        };
        let body = body.map(|body| serde_json::to_vec(&body)).transpose()?;
        Ok(Request {
            number,
            method,
            uri: format!("{server}{path}").parse().context("not a URL")?,
            body: body.unwrap_or_default().into(),
        })
    }
}

/// The content of [`books::book`] as admin-api expects it.
fn content(number: u64, edition: u64) -> Value {
    let book = books::book(SCRATCH, number);
    json!({
        "id": books::name(number),
        "author": book.spec.author,
        "title": books::title(number, edition),
        "description": book.spec.description,
        "category_id": labels::value(&book, labels::CATEGORY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(write: Write, number: u64) -> Value {
        let request = write.request("http://127.0.0.1:1", number).unwrap();
        serde_json::from_slice(&request.body).unwrap()
    }

    #[test]
    fn a_book_is_the_same_through_the_api_and_straight() {
        let (ours, straight) = (body(Write::Create, 7), body(Write::Straight, 7));
        assert_eq!(straight["metadata"]["name"], ours["id"]);
        for field in ["author", "title", "description"] {
            assert_eq!(straight["spec"][field], ours[field]);
        }
        assert_eq!(
            straight["metadata"]["labels"][labels::CATEGORY],
            ours["category_id"]
        );
    }

    #[test]
    fn an_update_changes_a_book() {
        let (created, updated) = (body(Write::Create, 7), body(Write::Update, 7));
        assert_eq!(created["id"], updated["id"]);
        assert_ne!(created, updated);
    }
}
