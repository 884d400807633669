//! A client reads its own write from the same process, at once, every time.

use anyhow::Result;
use e2e::Library;
use serde_json::json;

#[tokio::test]
async fn every_write_of_a_book_is_in_the_next_read() -> Result<()> {
    let library = Library::open().await?;
    let ids = async |query: &str| library.ids(&library.admin, query).await;
    for round in 0..150 {
        let path = library.path("book");
        let created = library
            .admin
            .post(library.list_path())
            .json(&library.body("book"))
            .await?;
        assert_eq!(created.status, 201, "round {round}: {}", created.text());
        assert_eq!(
            library.admin.get(&path).await?.text(),
            created.text(),
            "round {round}"
        );

        let mut body = library.body("book");
        body["title"] = format!("Round {round}").into();
        let updated = library.admin.put(&path).json(&body).await?;
        assert_eq!(updated.status, 200, "round {round}: {}", updated.text());
        assert_eq!(
            library.admin.get(&path).await?.text(),
            updated.text(),
            "round {round}"
        );

        let body = json!({"category_id": "math"});
        let filed = library
            .admin
            .patch(format!("{path}/category"))
            .json(&body)
            .await?;
        assert_eq!(filed.status, 200, "round {round}: {}", filed.text());
        assert_eq!(ids("?category_id=math").await?, ["book"], "round {round}");
        let body = json!({"category_id": "physics"});
        library
            .admin
            .patch(format!("{path}/category"))
            .json(&body)
            .await?
            .json(200);
        assert_eq!(ids("?category_id=math").await?, [] as [&str; 0], "round {round}");
        assert_eq!(ids("?category_id=physics").await?, ["book"], "round {round}");

        library.admin.delete(&path).await?.empty(204);
        assert_eq!(library.admin.get(&path).await?.status, 404, "round {round}");
        assert_eq!(ids("").await?, [] as [&str; 0], "round {round}");
    }
    Ok(())
}

#[tokio::test]
async fn every_loan_and_return_counts_at_once() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let (borrow, give_back) = (library.path("book/borrow"), library.path("book/return"));
    for round in 0..150 {
        let borrowed = library.user.post(&borrow).tenant("bob").await?;
        assert_eq!(borrowed.status, 201, "round {round}: {}", borrowed.text());
        assert_eq!(
            library.user.post(&borrow).tenant("alice").await?.status,
            409,
            "round {round}"
        );
        assert_eq!(
            library.user.post(&give_back).tenant("alice").await?.status,
            403,
            "round {round}"
        );
        assert_eq!(
            library.user.post(&give_back).tenant("bob").await?.status,
            204,
            "round {round}"
        );
        assert_eq!(
            library.user.post(&give_back).tenant("alice").await?.status,
            204,
            "round {round}"
        );
    }
    Ok(())
}
