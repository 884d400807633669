//! Lists: the JSON of their members, joined and kept until a member changes.

mod members;

use std::borrow::{Borrow, Cow};

use actix_web::{HttpRequest, HttpResponse};
use bookshelf_store::repository::{Generation, Namespaces, Place};
use equivalent::Equivalent;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::document::Document;
use crate::page::Page;
use members::Members;

/// The memory for all kept lists, in bytes. A list that does not fit is built for each request.
const CAPACITY: u64 = 16 << 20;
/// The approximate overhead of a kept list in bytes, so that many small ones count as well.
const ENTRY: usize = 512;
/// The approximate size of a list in bytes, from which the number of kept lists is estimated.
const TYPICAL: u64 = 16 << 10;

/// Kept lists, each with the generation that it was built from.
pub struct Lists {
    kept: Cache<Key, (Generation, Document), Weight>,
}

/// The name of a list.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Name<'a> {
    /// The kind of its members.
    pub of: &'static str,
    /// The namespaces of its members, see `name_of`.
    pub namespaces: &'a str,
    /// The value of its filter; empty: no filter.
    pub filter: &'a str,
}

/// Returns the name of a set of namespaces: empty for all; with a comma before each if the caller sees only some.
pub(crate) fn name_of(namespaces: Namespaces<'_>) -> Cow<'_, str> {
    match namespaces {
        Namespaces::One(namespace) => Cow::Borrowed(namespace.as_str()),
        Namespaces::All => Cow::Borrowed(""),
        Namespaces::Only(namespaces) => {
            let names = namespaces.iter().flat_map(|namespace| [",", &**namespace]);
            Cow::Owned(names.collect())
        }
    }
}

/// An owned [`Name`].
#[derive(Hash, PartialEq, Eq)]
struct Key {
    of: &'static str,
    namespaces: Box<str>,
    filter: Box<str>,
}

impl From<Name<'_>> for Key {
    fn from(name: Name<'_>) -> Self {
        Self {
            of: name.of,
            namespaces: name.namespaces.into(),
            filter: name.filter.into(),
        }
    }
}

impl Equivalent<Key> for Name<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let Name {
            of,
            namespaces,
            filter,
        } = *self;
        (of, namespaces, filter) == (key.of, &*key.namespaces, &*key.filter)
    }
}

/// The size of a kept list in bytes.
#[derive(Clone)]
struct Weight;

impl Weighter<Key, (Generation, Document)> for Weight {
    fn weight(&self, key: &Key, (_, list): &(Generation, Document)) -> u64 {
        let bytes = ENTRY + key.namespaces.len() + key.filter.len() + list.json().len();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Default for Lists {
    fn default() -> Self {
        let items = usize::try_from(CAPACITY / TYPICAL).unwrap_or(usize::MAX);
        // A single shard, since a list larger than a shard is not kept.
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
    /// Answers with the list of this name: the kept one if it has this generation, otherwise a new one of `members`
    /// with their places. Pages are not kept: for a page, `members` must start at its beginning.
    pub fn answer<'a, T: Borrow<Document>, M: Iterator<Item = (T, Place<'a>)>>(
        &self,
        request: &HttpRequest,
        page: &Page,
        name: Name<'_>,
        generation: Generation,
        members: impl FnOnce() -> M,
    ) -> HttpResponse {
        if !page.is_whole() {
            return answer_once(request, page, members());
        }
        if let Some((_, list)) = self.kept.get(&name).filter(|(of, _)| *of == generation) {
            return list.answer(request);
        }
        let members = Members::gather(members(), page);
        // The default generation means that there are no objects. Such lists are not kept: clients can make up any
        // number of names.
        if generation == Generation::default() || !members.fit_together() {
            return members.answer(request);
        }
        let list = members.document();
        self.kept.insert(name.into(), (generation, list.clone()));
        list.answer(request)
    }
}

/// Answers with the list of these members, or with a page of it, and does not keep it: clients can request any number
/// of such lists.
pub fn answer_once<'a, T: Borrow<Document>>(
    request: &HttpRequest,
    page: &Page,
    members: impl Iterator<Item = (T, Place<'a>)>,
) -> HttpResponse {
    Members::gather(members, page).answer(request)
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody as _;
    use actix_web::body::{BodySize, to_bytes};
    use actix_web::http::StatusCode;
    use actix_web::http::header::{ETAG, IF_NONE_MATCH};
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
            namespaces: "",
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
        let page = |limit| {
            let mut page = Page::default();
            page.limit = limit;
            page
        };
        let text = |limit| {
            let members = ids.map(|id| (Document::new(&id, id), Place { namespace: "ns", id }));
            String::from_utf8(
                Members::gather(members.into_iter(), &page(limit))
                    .document()
                    .json()
                    .to_vec(),
            )
            .unwrap()
        };
        for limit in [None, Some(3), Some(4)] {
            assert_eq!(text(limit), r#"{"list":["a","b","c"]}"#);
        }
        let next = page(None).next(Place {
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

    #[actix_web::test]
    async fn a_list_that_is_too_long_to_be_kept_is_sent_as_it_would_be() {
        let text = "x".repeat(100_000);
        for count in [1, 150, 200] {
            let members = || {
                let documents = (0..count).map(|number| Document::new(&format!("{number}{text}"), number));
                documents.map(|document| (document, Place::default()))
            };
            let whole = Members::gather(members(), &Page::default());
            let is_long = !whole.fit_together();
            assert_eq!(is_long, count == 200);
            let whole = whole.document();
            let page = Page::default();
            let name = Name {
                of: "texts",
                namespaces: "",
                filter: "",
            };
            let lists = Lists::default();
            let ask = |request: TestRequest| {
                let request = request.to_http_request();
                lists.answer(&request, &page, name, generation(1), members)
            };
            let answer = ask(TestRequest::default());
            let tag = answer.headers().get(ETAG).unwrap().clone();
            assert_eq!(tag, format!("\"{}\"", whole.tag()));
            let length = u64::try_from(whole.json().len()).unwrap();
            assert_eq!(answer.body().size(), BodySize::Sized(length));
            assert!(to_bytes(answer.into_body()).await.unwrap() == whole.json());
            assert_eq!(lists.kept.len(), usize::from(!is_long));
            let known = ask(TestRequest::default().insert_header((IF_NONE_MATCH, tag)));
            assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        }
    }
}
