//! Setting and removing the category of a book.

use anyhow::Result;
use bookshelf_crd::labels;
use e2e::{Library, book};
use kube::ResourceExt as _;
use reqwest::Method;
use serde_json::{Value, json};

/// Both methods do the same: PATCH is in the route table of the seed, POST in its curl example.
const METHODS: [Method; 2] = [Method::PATCH, Method::POST];

#[tokio::test]
async fn a_category_is_set_changed_and_removed() -> Result<()> {
    let library = Library::open().await?;
    for method in METHODS {
        let id = method.as_str().to_lowercase();
        library.add(&id).await?;
        for category in ["math", "Analysis.2_x", ""] {
            let path = library.path(&format!("{id}/category"));
            let answer = library
                .admin
                .request(method.clone(), path)
                .json(&json!({"category_id": category}))
                .await?;
            let expected = if category.is_empty() {
                Value::Null
            } else {
                category.into()
            };
            assert_eq!(answer.json(200)["category_id"], expected);
            let object = library.books().get(&id).await?;
            assert_eq!(
                object.labels().get(labels::CATEGORY).map_or("", String::as_str),
                category
            );
            assert_eq!(
                object.labels().contains_key(labels::CATEGORY),
                !category.is_empty()
            );
            let version = object.resource_version().unwrap_or_default();
            assert!(
                answer.header("etag").ends_with(&format!(".{version}\"")),
                "{answer:?}"
            );
            let read = library.admin.get(library.path(&id)).await?;
            assert_eq!(read.text(), answer.text());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_category_leaves_everything_else_as_it_is() -> Result<()> {
    let library = Library::open().await?;
    let mut full = book("book");
    full.spec.description = Some("Described".to_owned());
    library.plant(&full).await?;
    let before = library.admin.get(library.path("book")).await?.json(200);
    for method in METHODS {
        let path = library.path("book/category");
        let body = json!({"category_id": method.as_str()});
        let answer = library.admin.request(method.clone(), path).json(&body).await?;
        let mut expected = before.clone();
        expected["category_id"] = method.as_str().into();
        // The book had no manager, and still has none.
        assert_eq!(answer.json(200), expected);
        assert_eq!(
            library
                .books()
                .get("book")
                .await?
                .labels()
                .get(labels::MANAGED_BY),
            None
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_list_of_a_category_follows() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for (from, to) in [("none", "math"), ("math", "physics"), ("physics", "")] {
        let body = json!({"category_id": to});
        library
            .admin
            .patch(library.path("book/category"))
            .json(&body)
            .await?
            .json(200);
        let query = |category: &str| format!("?category_id={category}");
        assert_eq!(library.ids(&library.admin, &query(from)).await?, [] as [&str; 0]);
        assert_eq!(library.ids(&library.admin, &query(to)).await?, ["book"]);
    }
    Ok(())
}

#[tokio::test]
async fn the_category_is_required() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for method in METHODS {
        for body in [json!({}), json!({"category_id": null})] {
            let path = library.path("book/category");
            let answer = library.admin.request(method.clone(), path).json(&body).await?;
            assert_eq!(answer.invalid("category_id"), "category_id is required");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_missing_book_has_no_category_to_set() -> Result<()> {
    let library = Library::open().await?;
    for method in METHODS {
        let path = library.path("missing/category");
        let answer = library
            .admin
            .request(method, path)
            .json(&json!({"category_id": "math"}))
            .await?;
        let message = answer.problem(404, "not_found").message;
        assert_eq!(message, "not found: the book \"missing\" does not exist");
    }
    Ok(())
}
