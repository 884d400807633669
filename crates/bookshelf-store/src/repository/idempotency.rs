//! Idempotency keys: requests that a client may repeat without knowing their outcome.
//!
//! Answers are stored only in the objects that requests create. So an object created by a request with an
//! [`IdempotencyKey`] carries the request's [`Imprint`], written in the same request to the API server as the object
//! itself. Any replica that finds the object in the way of a request knows whether the same request created it. The
//! imprint lasts as long as the object, and a failed request leaves none.
//!
//! A request that has created nothing yet is known only to its own process: two concurrent requests with the same key
//! for different objects may both succeed on different replicas.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::imprint::Imprint;
use super::model::{BookContent, BookKey, IdempotencyKey, Tenant};

/// An object that a request created.
#[derive(Clone, Debug)]
pub struct Made<T> {
    /// The object as it was created.
    pub value: T,
    /// True if the object is unchanged since. If not, the version in `value` is one that the client has not seen.
    pub is_unchanged: bool,
}

impl Imprint {
    /// Returns the imprint of a request to create this book. It includes the caller, if known.
    pub(super) fn of_create(
        key: IdempotencyKey<'_>,
        caller: Option<&str>,
        book: BookKey<'_>,
        content: &BookContent,
    ) -> Self {
        let parts = ["create", book.namespace, key.as_str()];
        Self {
            request: match caller {
                None => fingerprint(&parts),
                Some(caller) => fingerprint(&[&parts[..], &[caller]].concat()),
            },
            content: fingerprint(&[&[book.id][..], &content.imprinted()].concat()),
        }
    }

    /// Returns the imprint of a tenant's request to borrow this book.
    pub(super) fn of_borrow(key: IdempotencyKey<'_>, book: BookKey<'_>, tenant: Tenant<'_>) -> Self {
        Self {
            request: fingerprint(&["borrow", book.namespace, book.id, tenant.as_str(), key.as_str()]),
            content: fingerprint(&[]),
        }
    }
}

/// The requests with a key that this process is working on.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<HashMap<String, ActiveRequest>>);

struct ActiveRequest {
    content: String,
    /// The number of such requests.
    requests: usize,
}

impl UnderWay {
    /// Begins a request, which ends when the returned guard is dropped. The same request may be under way already, but
    /// no other request with its key.
    pub(super) fn begin(&self, imprint: &Imprint) -> Result<impl Drop, Error> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let active = under_way
            .entry(imprint.request.clone())
            .or_insert_with(|| ActiveRequest {
                content: imprint.content.clone(),
                requests: 0,
            });
        if active.content != imprint.content {
            return Err(Error::InProgress);
        }
        active.requests += 1;
        Ok(Ending {
            under_way: self,
            request: imprint.request.clone(),
        })
    }

    fn end(&self, request: &str) {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(active) = under_way.get_mut(request) {
            active.requests -= 1;
            if active.requests == 0 {
                under_way.remove(request);
            }
        }
    }
}

/// The guard of a request under way.
struct Ending<'a> {
    under_way: &'a UnderWay,
    request: String,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.under_way.end(&self.request);
    }
}

/// Returns a hash of all parts, each with its length, so that no two lists of parts have the same input.
fn fingerprint(parts: &[&str]) -> String {
    // Enough bytes to rule out collisions by chance.
    const LENGTH: usize = 16;
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let mut text = String::with_capacity(2 * LENGTH);
    for byte in &hash.finalize()[..LENGTH] {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use bookshelf_crd::Book;
    use kube::ResourceExt as _;

    use super::*;

    fn create(
        key: &str,
        (namespace, id): (&str, &str),
        [author, description, category]: [&str; 3],
    ) -> Imprint {
        let text = str::to_owned;
        let content = BookContent::new(text(author), text("T"), text(description), text(category)).unwrap();
        let book = BookKey::parse(namespace, id).unwrap();
        Imprint::of_create(IdempotencyKey::parse(key).unwrap(), None, book, &content)
    }

    #[test]
    fn a_request_is_the_same_if_key_path_and_body_are() {
        let first = create("k", ("ns", "a"), ["A", "", ""]);
        let has_made = |existing: &Imprint| first.has_made(Some(existing)).map_err(|error| error.to_string());
        assert_eq!(has_made(&create("k", ("ns", "a"), ["A", "", ""])), Ok(true));
        assert_eq!(has_made(&create("l", ("ns", "a"), ["A", "", ""])), Ok(false));
        assert_eq!(has_made(&create("k", ("other", "a"), ["A", "", ""])), Ok(false));
        for reused in [
            create("k", ("ns", "b"), ["A", "", ""]),
            create("k", ("ns", "a"), ["B", "", ""]),
            create("k", ("ns", "a"), ["A", "x", ""]),
            create("k", ("ns", "a"), ["A", "", "x"]),
        ] {
            assert_eq!(has_made(&reused), Err(Error::KeyReused.to_string()));
        }
        assert!(!first.has_made(None).unwrap());
    }

    #[test]
    fn while_a_request_is_under_way_its_key_is_no_other_s() {
        let under_way = UnderWay::default();
        let [request, same, other_id, other_key] = [("k", "a"), ("k", "a"), ("k", "b"), ("l", "b")]
            .map(|(key, id)| create(key, ("ns", id), ["A", "", ""]));
        let first = under_way.begin(&request);
        let second = under_way.begin(&same);
        assert!(first.is_ok() && second.is_ok() && under_way.begin(&other_key).is_ok());
        for ended in [first, second] {
            assert!(matches!(under_way.begin(&other_id), Err(Error::InProgress)));
            drop(ended);
        }
        assert!(under_way.begin(&other_id).is_ok());
        assert!(under_way.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_borrow_is_of_one_tenant_and_book() {
        let borrow = |key, id, tenant| {
            let book = BookKey::parse("ns", id).unwrap();
            let key = IdempotencyKey::parse(key).unwrap();
            Imprint::of_borrow(key, book, Tenant::parse(tenant).unwrap())
        };
        let first = borrow("k", "a", "bob");
        assert!(first.has_made(Some(&borrow("k", "a", "bob"))).unwrap());
        for other in [
            borrow("k", "a", "alice"),
            borrow("k", "b", "bob"),
            borrow("bobk", "a", "bo"),
        ] {
            assert!(!first.has_made(Some(&other)).unwrap());
        }
    }

    #[test]
    fn an_imprint_is_read_as_it_is_left() {
        let imprint = create("k", ("ns", "a"), ["A", "", ""]);
        let mut book = Book::new("a", bookshelf_crd::BookSpec::default());
        assert_eq!(Imprint::on(&book), None);
        imprint.leave_on(&mut book);
        assert_eq!(Imprint::on(&book), Some(imprint));
        assert!(book.annotations().values().all(|value| !value.contains("k.")));
    }
}
