//! Filtered streams: a book that enters the filter is created, one that leaves it is deleted.

use anyhow::Result;
use e2e::Library;
use serde_json::json;

use super::{about, stream_of, synced};

#[tokio::test]
async fn a_book_is_created_when_it_enters_the_category_and_deleted_when_it_leaves() -> Result<()> {
    let library = Library::open().await?;
    for id in ["book", "other"] {
        library.add(id).await?;
    }
    let set = async |category: &str| {
        let request = library.admin.patch(library.path("book/category"));
        request.json(&json!({"category_id": category})).await
    };
    let mut listeners = Vec::new();
    for api in library.apis() {
        for path in [library.list_path(), "/book".to_owned()] {
            let path = format!("{path}?category_id=math");
            let mut listener = stream_of(api, &path).listen().await?;
            assert!(synced(&mut listener, &library).await?.has.is_empty());
            listeners.push((api, listener));
        }
    }
    let entered = set("math").await?.json(200);
    let body = json!({"author": "A", "title": "Another", "category_id": "math"});
    let updated = library.put("book", &body).await?.json(200);
    set("physics").await?.json(200);
    // Outside the filter, a change sends no event.
    set("").await?.json(200);
    set("math").await?.json(200);
    library.admin.delete(library.path("book")).await?.empty(204);
    for (api, listener) in &mut listeners {
        for (event, book) in [
            ("created", &entered),
            ("updated", &updated),
            ("deleted", &updated),
            ("created", &updated),
            ("deleted", &updated),
        ] {
            let expected = library.as_served_by(api, book, true);
            assert_eq!(
                about(listener, &library, "book").await?,
                (event.to_owned(), expected)
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn loan_streams_have_a_tenants_own_loans_or_those_that_a_librarian_selects() -> Result<()> {
    let library = Library::open().await?;
    for id in ["a", "b", "c"] {
        library.add(id).await?;
    }
    let of_bob = format!("{}?borrowed_by=bob", library.loans_path());
    let mut bobs = stream_of(&library.user, &library.loans_path()).listen().await?;
    let mut selected = stream_of(&library.admin, &of_bob).listen().await?;
    let mut all = stream_of(&library.admin, &library.loans_path()).listen().await?;
    for (id, tenant) in [("a", "alice"), ("b", "bob"), ("c", "alice")] {
        library.lend(id, tenant).await?;
    }
    for id in ["a", "c", "b"] {
        library.admin.delete(library.loan_path(id)).await?.empty(204);
    }
    for listener in [&mut bobs, &mut selected] {
        assert!(synced(listener, &library).await?.has.is_empty());
        for event in ["created", "deleted"] {
            let received = listener.next_event().await?;
            assert_eq!(
                (received.event.as_str(), &received.data["book_id"]),
                (event, &json!("b"))
            );
        }
    }
    for id in ["a", "b", "c"] {
        assert_eq!(about(&mut all, &library, id).await?.0, "created");
    }
    for id in ["a", "c", "b"] {
        assert_eq!(about(&mut all, &library, id).await?.0, "deleted");
    }
    Ok(())
}
