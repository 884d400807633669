//! The books for the measurements, created directly at the API server.

use anyhow::{Context as _, Result, ensure};
use bookshelf_crd::{Book, BookLoan, BookSpec, labels};
use e2e::eventually;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
    core::NamespaceResourceScope,
};
use serde::de::DeserializeOwned;

use crate::progress::Progress;

/// The number of namespaces for the books.
pub(crate) const NAMESPACES: u64 = 50;

/// The namespace of 20 books.
pub(crate) const TWENTY: &str = "bench-list-20";

/// The namespace of 1,000 books, 200 in each of its categories.
pub(crate) const THOUSAND: &str = "bench-list-1000";

/// A category in [`THOUSAND`].
pub(crate) const CATEGORY: &str = "category-0";

/// The namespace of short-lived objects.
pub(crate) const SCRATCH: &str = "bench-scratch";

/// The length of a description in characters.
const DESCRIPTION: usize = 512;

/// The number of books that are created concurrently.
const AT_ONCE: usize = 32;

const ATTEMPTS: usize = 4;

/// Returns the namespace of a book outside the namespaces for lists.
pub(crate) fn namespace(number: u64) -> String {
    format!("bench-{:02}", number % NAMESPACES)
}

pub(crate) fn name(number: u64) -> String {
    format!("book-{number:06}")
}

/// Returns a title. All titles have the same length.
pub(crate) fn title(number: u64, edition: u64) -> String {
    format!("Title of book {number:06}, edition {edition:06}")
}

/// Returns half a KiB of text, different for each book.
pub(crate) fn description(number: u64) -> String {
    let mut text = format!("Book {number} is about ");
    let words = [
        "shelves", "lending", "reading", "winter", "machines", "rivers", "tea",
    ];
    let mut place = usize::try_from(number).unwrap_or_default();
    while text.len() < DESCRIPTION {
        place = place.wrapping_mul(31).wrapping_add(7);
        text.push_str(words[place % words.len()]);
        text.push(' ');
    }
    text.truncate(DESCRIPTION);
    text
}

/// Returns a book as bookshelf creates it, in one of 5 categories.
pub(crate) fn book(namespace: &str, number: u64) -> Book {
    let spec = BookSpec {
        author: format!("Author {}", number % 997),
        title: title(number, 0),
        description: Some(description(number)),
    };
    let mut book = Book::new(&name(number), spec);
    book.metadata.namespace = Some(namespace.to_owned());
    let categories_alike = if namespace.starts_with("bench-list") {
        number
    } else {
        number / NAMESPACES
    };
    book.labels_mut().extend([
        (
            labels::CATEGORY.to_owned(),
            format!("category-{}", categories_alike % 5),
        ),
        (
            labels::MANAGED_BY.to_owned(),
            labels::MANAGED_BY_BOOKSHELF.to_owned(),
        ),
    ]);
    book
}

/// Returns namespace and number of every book that has to exist.
fn all(books: u64) -> impl Iterator<Item = (String, u64)> {
    let spread = (0..books).map(|number| (namespace(number), number));
    let lists = [(TWENTY, 20), (THOUSAND, 1000)]
        .into_iter()
        .flat_map(|(namespace, count)| (0..count).map(move |number| (namespace.to_owned(), number)));
    spread.chain(lists)
}

pub(crate) fn total(books: u64) -> u64 {
    books + 1020
}

pub(crate) fn namespaces() -> impl Iterator<Item = String> {
    let lists = [TWENTY, THOUSAND].map(str::to_owned);
    (0..NAMESPACES).map(namespace).chain(lists)
}

/// Creates the missing books, and removes leftovers of an earlier run.
pub(crate) async fn make(client: &Client, books: u64) -> Result<()> {
    served::<Book>(client).await?;
    served::<BookLoan>(client).await?;
    let api = Api::<Namespace>::all(client.clone());
    for namespace in namespaces().chain([SCRATCH.to_owned()]) {
        let mut object = Namespace::default();
        object.metadata.name = Some(namespace);
        unless_there(api.create(&PostParams::default(), &object).await)?;
    }
    clear_scratch(client).await?;
    if count(client).await? != total(books) {
        let mut progress = Progress::start("books are made", total(books));
        let creates = all(books).map(|(namespace, number)| create(client, namespace, number));
        let mut creates = stream::iter(creates).buffer_unordered(AT_ONCE);
        while creates.try_next().await?.is_some() {
            progress.advance();
        }
    }
    let (found, expected) = (count(client).await?, total(books));
    ensure!(
        found == expected,
        "there are {found} books, not {expected}: recreate them with --fresh"
    );
    Ok(())
}

/// Waits until the API server serves a resource from its watch cache. While the cache loads, the API server answers
/// lists without a limit with 429.
async fn served<K>(client: &Client) -> Result<()>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api = Api::<K>::namespaced(client.clone(), SCRATCH);
    let what = format!("the API server serves {}", K::plural(&()));
    eventually(&what, async || {
        match api.list_metadata(&ListParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 429 => Ok(None),
            listed => Ok(listed.map(drop).map(Some)?),
        }
    })
    .await
}

/// Creates a book unless it exists. Retries, since one of a hundred thousand creates may lose its connection.
pub(crate) async fn create(client: &Client, namespace: String, number: u64) -> Result<()> {
    let api = Api::<Book>::namespaced(client.clone(), &namespace);
    let book = book(&namespace, number);
    let parameters = PostParams::default();
    let mut created = api.create(&parameters, &book).await;
    for _ in 1..ATTEMPTS {
        if !matches!(created, Err(kube::Error::Service(_) | kube::Error::HyperError(_))) {
            break;
        }
        created = api.create(&parameters, &book).await;
    }
    unless_there(created).with_context(|| format!("cannot make book {namespace}/{}", name(number)))
}

pub(crate) async fn clear_scratch(client: &Client) -> Result<()> {
    clear(&Api::<BookLoan>::namespaced(client.clone(), SCRATCH)).await?;
    clear(&Api::<Book>::namespaced(client.clone(), SCRATCH)).await
}

/// Removes all objects, several at a time. The API server removes the objects of a collection one by one: some
/// thousands would take longer than the request timeout.
async fn clear<K>(api: &Api<K>) -> Result<()>
where
    K: kube::Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let objects = api.list_metadata(&ListParams::default()).await?.items;
    let delete = DeleteParams::default();
    let deletes = objects.iter().map(|object| async {
        match api.delete(&object.name_any(), &delete).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            deleted => deleted.map(drop),
        }
    });
    let mut deletes = stream::iter(deletes).buffer_unordered(AT_ONCE);
    while deletes.try_next().await?.is_some() {}
    Ok(())
}

async fn count(client: &Client) -> Result<u64> {
    let one = ListParams::default().limit(1);
    let list = Api::<Book>::all(client.clone()).list_metadata(&one).await?;
    let rest = list.metadata.remaining_item_count.unwrap_or_default();
    Ok(u64::try_from(list.items.len())? + u64::try_from(rest)?)
}

fn unless_there<T>(created: kube::Result<T>) -> kube::Result<()> {
    match created {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        created => created.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_have_half_a_kibibyte_and_differ() {
        assert_eq!(description(0).len(), 512);
        assert_eq!(description(99_999).len(), 512);
        assert_ne!(description(1), description(2));
    }

    #[test]
    fn a_category_of_the_thousand_has_two_hundred() {
        let thousand = all(50).filter(|(namespace, _)| namespace == THOUSAND);
        let category = |book: &Book| labels::value(book, labels::CATEGORY).map(str::to_owned);
        let books: Vec<Book> = thousand
            .map(|(namespace, number)| book(&namespace, number))
            .collect();
        assert_eq!(books.len(), 1000);
        let of_category = books
            .iter()
            .filter(|book| category(book).as_deref() == Some(CATEGORY));
        assert_eq!(of_category.count(), 200);
    }

    #[test]
    fn there_are_as_many_books_as_are_counted() {
        assert_eq!(u64::try_from(all(1000).count()).unwrap(), total(1000));
        let spread = all(1000).filter(|(namespace, _)| namespace == "bench-07");
        assert_eq!(spread.count(), 20);
    }

    #[test]
    fn every_edition_of_a_title_is_of_the_same_length() {
        assert_eq!(title(1, 1).len(), title(100_000, 100_000).len());
    }
}
