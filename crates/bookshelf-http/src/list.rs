//! Lists: the JSON of their members put together, and kept until one of them changes.

use std::borrow::Borrow;
use std::fmt::Write as _;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bookshelf_store::repository::{Generation, Place};
use equivalent::Equivalent;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::document::Document;
use crate::extract::Query;
use crate::page::{self, Page};
use crate::problem::Problem;

/// How much memory all kept lists take, in bytes. One that does not fit is made each time.
const CAPACITY: u64 = 16 << 20;
/// About what keeping a list takes beside its bytes, so that many small ones count as well.
const ENTRY: usize = 512;
/// About how many bytes a list has: what the room for their names is estimated by.
const TYPICAL: u64 = 16 << 10;

/// The answer to a request for a list that is no stream: what `list` makes of `R`, the kept lists, the query and the page.
/// `None` where the app has neither.
pub fn at_once<R: 'static, Q: DeserializeOwned>(
    request: &HttpRequest,
    list: impl FnOnce(&R, &Lists, &Q, &Page) -> Result<HttpResponse, Problem>,
) -> Option<Result<HttpResponse, Problem>> {
    let of = request.app_data::<Data<R>>()?;
    let lists = request.app_data::<Data<Lists>>()?;
    let answer = || {
        let Query(query) = Query::of(request)?;
        list(of, lists, &query, &Page::of(request)?)
    };
    Some(answer())
}

/// Lists that were asked for, each with the generation of what it was made of.
pub struct Lists {
    kept: Cache<Key, (Generation, Document), Weight>,
}

/// Which list it is.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Name<'a> {
    /// What its members are.
    pub of: &'static str,
    /// The namespace that they are in; empty: all.
    pub namespace: &'a str,
    /// What the filter asks for; empty: no filter.
    pub filter: &'a str,
}

/// A name that is kept.
#[derive(Hash, PartialEq, Eq)]
struct Key {
    of: &'static str,
    namespace: Box<str>,
    filter: Box<str>,
}

impl From<Name<'_>> for Key {
    fn from(name: Name<'_>) -> Self {
        Self {
            of: name.of,
            namespace: name.namespace.into(),
            filter: name.filter.into(),
        }
    }
}

impl Equivalent<Key> for Name<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let Name {
            of,
            namespace,
            filter,
        } = *self;
        (of, namespace, filter) == (key.of, &*key.namespace, &*key.filter)
    }
}

/// The bytes that a kept list takes.
#[derive(Clone)]
struct Weight;

impl Weighter<Key, (Generation, Document)> for Weight {
    fn weight(&self, key: &Key, (_, list): &(Generation, Document)) -> u64 {
        let bytes = ENTRY + key.namespace.len() + key.filter.len() + list.json().len();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Default for Lists {
    fn default() -> Self {
        let items = usize::try_from(CAPACITY / TYPICAL).unwrap_or(usize::MAX);
        // In one piece: no list is kept that is larger than a shard.
        let options = OptionsBuilder::new()
            .shards(1)
            .weight_capacity(CAPACITY)
            .estimated_items_capacity(items)
            .build()
            .expect("both capacities are given");
        let kept = Cache::with_options(
            options,
            Weight,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        Self { kept }
    }
}

impl Lists {
    /// The list of this name: as it was made last, if its members are of the same generation, and made of
    /// `members` otherwise, each of which comes with its place. A page of the list is made each time, of the `members`
    /// from where it begins.
    pub fn answer<'a, T: Borrow<Document>, M: Iterator<Item = (T, Place<'a>)>>(
        &self,
        request: &HttpRequest,
        page: &Page,
        name: Name<'_>,
        generation: Generation,
        members: impl FnOnce() -> M,
    ) -> HttpResponse {
        if !page.is_whole() {
            return put_together(members(), page.limit).answer(request);
        }
        let kept = self.kept.get(&name).filter(|(of, _)| *of == generation);
        let list = kept.map_or_else(
            || {
                let list = put_together(members(), None);
                // There is no end of names of what has nothing.
                if generation != Generation::default() {
                    self.kept.insert(name.into(), (generation, list.clone()));
                }
                list
            },
            |(_, list)| list,
        );
        list.answer(request)
    }
}

/// The list of these members, as many as there may be, and where it goes on. Its tag is the hash of theirs and of
/// their JSON: the same on every replica, and after every restart.
fn put_together<'a, T: Borrow<Document>>(
    members: impl Iterator<Item = (T, Place<'a>)>,
    limit: Option<usize>,
) -> Document {
    const HEAD: &[u8] = br#"{"list":["#;
    const CONTINUE: &[u8] = br#","continue":""#;
    // As much as makes it impossible that two are the same by chance.
    const TAG: usize = 16;
    let limit = limit.unwrap_or(usize::MAX);
    let mut members = members.take(limit.saturating_add(1)).collect::<Vec<_>>();
    let is_more = members.len() > limit;
    members.truncate(limit);
    let next = members.last().filter(|_| is_more);
    let next = next.map(|(_, place)| page::encode(*place));
    let length = members
        .iter()
        .map(|(member, _)| member.borrow().json().len() + 1)
        .sum::<usize>();
    let tail = CONTINUE.len() + next.as_ref().map_or(0, String::len) + 3;
    let mut list = Vec::with_capacity(HEAD.len() + length + tail + 2 + 2 * TAG);
    let mut hash = Sha256::new();
    list.extend_from_slice(HEAD);
    for (number, (member, _)) in members.iter().enumerate() {
        if number > 0 {
            list.push(b',');
        }
        list.extend_from_slice(member.borrow().json());
        hash.update(member.borrow().json());
        hash.update(member.borrow().tag());
    }
    list.push(b']');
    if let Some(next) = next {
        // In base64url nothing has to be escaped.
        list.extend_from_slice(CONTINUE);
        list.extend_from_slice(next.as_bytes());
        list.push(b'"');
        hash.update(next);
    }
    list.push(b'}');
    let tag = hash.finalize()[..TAG]
        .iter()
        .fold(String::with_capacity(2 * TAG), |mut tag, byte| {
            // Writing to a string does not fail.
            let _ = write!(tag, "{byte:02x}");
            tag
        });
    Document::with_tag(list, tag)
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::http::header::ETAG;
    use actix_web::test::TestRequest;

    use super::*;

    fn generation(latest: u64) -> Generation {
        let mut generation = Generation::default();
        generation.books.latest = latest;
        generation
    }

    fn ask(lists: &Lists, latest: u64, members: &[u32]) -> HttpResponse {
        let documents = members.iter().map(|number| Document::new(number, number));
        let members = documents.map(|document| (document, Place::default()));
        let request = TestRequest::default().to_http_request();
        let page = Page::default();
        let name = Name {
            of: "numbers",
            namespace: "",
            filter: "",
        };
        lists.answer(&request, &page, name, generation(latest), || members)
    }

    async fn body(response: HttpResponse) -> String {
        String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap()
    }

    #[actix_web::test]
    async fn a_list_is_made_again_when_its_members_are_of_another_generation() {
        let lists = Lists::default();
        let ask = |latest, members: &'static [u32]| body(ask(&lists, latest, members));
        assert_eq!(ask(1, &[]).await, r#"{"list":[]}"#);
        assert_eq!(ask(2, &[1, 2]).await, r#"{"list":[1,2]}"#);
        assert_eq!(ask(2, &[9]).await, r#"{"list":[1,2]}"#);
        assert_eq!(ask(3, &[3]).await, r#"{"list":[3]}"#);
    }

    #[test]
    fn a_list_goes_on_where_there_is_more() {
        let ids = ["a", "b", "c"];
        let text = |limit| {
            let members = ids.map(|id| (Document::new(&id, id), Place { namespace: "ns", id }));
            String::from_utf8(put_together(members.into_iter(), limit).json().to_vec()).unwrap()
        };
        for limit in [None, Some(3), Some(4)] {
            assert_eq!(text(limit), r#"{"list":["a","b","c"]}"#);
        }
        let next = page::encode(Place {
            namespace: "ns",
            id: "b",
        });
        assert_eq!(
            text(Some(2)),
            format!(r#"{{"list":["a","b"],"continue":"{next}"}}"#)
        );
    }

    #[test]
    fn the_tag_of_a_list_is_that_of_its_members_on_every_replica() {
        let tag = |latest, members: &[u32]| {
            let response = ask(&Lists::default(), latest, members);
            response.headers().get(ETAG).unwrap().clone()
        };
        assert_eq!(tag(1, &[1, 2]), tag(7, &[1, 2]));
        assert_ne!(tag(1, &[1, 2]), tag(1, &[2, 1]));
        assert_ne!(tag(1, &[1, 2]), tag(1, &[1]));
        assert_ne!(tag(1, &[1, 2]), tag(1, &[12]));
        assert_ne!(tag(1, &[]), tag(1, &[1]));
    }
}
