//! The header with the tenant of a request.

use anyhow::Result;
use e2e::{Library, Request};

fn both(library: &Library) -> [Request; 2] {
    [
        library.user.post(library.path("book/borrow")),
        library.user.post(library.path("book/return")),
    ]
}

#[tokio::test]
async fn without_a_tenant_nothing_is_borrowed_or_returned() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for request in both(&library) {
        assert!(request.await?.invalid("X-TENANT-ID").contains("is required"));
    }
    assert!(library.loans().get_opt("book").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_repeated_tenant_header_is_refused() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for second in ["alice", "bob", ""] {
        for request in both(&library) {
            let answer = request.tenant("bob").tenant(second).await?;
            assert!(answer.invalid("X-TENANT-ID").contains("must be given once"));
        }
    }
    assert!(library.loans().get_opt("book").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_tenant_is_up_to_253_printable_ascii_characters_without_blanks() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let long = "a".repeat(254);
    for bad in [
        "".as_bytes(),
        b" ",
        b"a b",
        b"a\tb",
        "bób".as_bytes(),
        b"\xff",
        long.as_bytes(),
    ] {
        for request in both(&library) {
            let message = request.header("X-TENANT-ID", bad).await?.invalid("X-TENANT-ID");
            assert!(
                message.ends_with("must be 1 to 253 printable ASCII characters without blanks"),
                "{message}"
            );
        }
    }
    assert!(library.loans().get_opt("book").await?.is_none());

    let longest = "~".repeat(253);
    let borrow = library.user.post(library.path("book/borrow")).tenant(&longest);
    assert_eq!(borrow.await?.json(201)["borrowed_by"], longest);
    library.give_back("book", &longest).await?.empty(204);
    Ok(())
}

#[tokio::test]
async fn reading_needs_no_tenant() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for tenant in ["bob", "", "not a tenant"] {
        library
            .user
            .get(library.path("book"))
            .tenant(tenant)
            .await?
            .json(200);
        library
            .user
            .get(library.list_path())
            .tenant(tenant)
            .await?
            .json(200);
    }
    Ok(())
}
