//! Reading books through both APIs.

use anyhow::Result;
use bookshelf_crd::labels;
use e2e::{Api, Library, book};

/// Creates three books at the API server, unordered, each with a different set of fields.
async fn three_books(library: &Library) -> Result<()> {
    let mut full = book("b-full");
    full.spec.description = Some("Naïve \"Mengenlehre\" ∀x\n".to_owned());
    full.metadata.labels = Some(
        [
            (labels::CATEGORY.to_owned(), "math".to_owned()),
            (labels::MANAGED_BY.to_owned(), "Helm".to_owned()),
            ("colour".to_owned(), "green".to_owned()),
        ]
        .into(),
    );
    let mut empty = book("a-empty");
    empty.spec.description = Some(String::new());
    empty.metadata.labels = Some(
        [
            (labels::CATEGORY.to_owned(), String::new()),
            (labels::MANAGED_BY.to_owned(), String::new()),
        ]
        .into(),
    );
    let mut upper = book("a.9");
    upper.metadata.labels = Some([(labels::CATEGORY.to_owned(), "Math".to_owned())].into());
    for book in [full, empty, upper] {
        library.plant(&book).await?;
    }
    Ok(())
}

/// Returns the JSON of the books from an API. user-api adds their availability.
fn json_of(library: &Library, api: &Api) -> [String; 3] {
    let namespace = &library.namespace;
    let end = if library.is_tenants(api) {
        r#","available":true}"#
    } else {
        "}"
    };
    [
        format!(
            r#"{{"id":"a-empty","author":"An Author","title":"A Title","namespace_id":"{namespace}"{end}"#
        ),
        format!(
            r#"{{"id":"a.9","author":"An Author","title":"A Title","category_id":"Math","namespace_id":"{namespace}"{end}"#
        ),
        format!(
            r#"{{"id":"b-full","author":"An Author","title":"A Title","category_id":"math","namespace_id":"{namespace}","description":"Naïve \"Mengenlehre\" ∀x\n","managed_by":"Helm"{end}"#
        ),
    ]
}

#[tokio::test]
async fn a_book_is_its_fields_in_order_without_the_empty_ones() -> Result<()> {
    let library = Library::open().await?;
    three_books(&library).await?;
    for api in library.apis() {
        for (id, json) in ["a-empty", "a.9", "b-full"].iter().zip(json_of(&library, api)) {
            let answer = api.get(library.path(id)).await?;
            let _ = answer.json(200);
            assert_eq!(answer.text(), json);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_list_is_sorted_by_id() -> Result<()> {
    let library = Library::open().await?;
    three_books(&library).await?;
    for api in library.apis() {
        let answer = api.get(library.list_path()).await?;
        let _ = answer.json(200);
        assert_eq!(
            answer.text(),
            format!(r#"{{"list":[{}]}}"#, json_of(&library, api).join(","))
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_list_of_a_category_has_its_books_only() -> Result<()> {
    let library = Library::open().await?;
    three_books(&library).await?;
    for api in library.apis() {
        let [_, upper, full] = json_of(&library, api);
        for (query, list) in [
            ("math", full.as_str()),
            ("Math", &upper),
            ("M%61th", &upper),
            ("maths", ""),
            ("green", ""),
        ] {
            let answer = api
                .get(format!("{}?category_id={query}", library.list_path()))
                .await?;
            let _ = answer.json(200);
            assert_eq!(answer.text(), format!(r#"{{"list":[{list}]}}"#), "{query}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_category_in_the_query_is_no_filter() -> Result<()> {
    let library = Library::open().await?;
    three_books(&library).await?;
    for api in library.apis() {
        let answer = api.get(format!("{}?category_id=", library.list_path())).await?;
        assert_eq!(answer.text(), api.get(library.list_path()).await?.text());
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_or_missing_namespace_has_an_empty_list() -> Result<()> {
    let library = Library::open().await?;
    for api in library.apis() {
        for path in [library.list_path(), "/book/no-such-namespace".to_owned()] {
            for query in ["", "?category_id=math"] {
                let answer = api.get(format!("{path}{query}")).await?;
                let _ = answer.json(200);
                assert_eq!(answer.text(), r#"{"list":[]}"#);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_list_has_no_book_of_another_namespace() -> Result<()> {
    let [here, there] = [Library::open().await?, Library::open().await?];
    here.add("here").await?;
    there.add("there").await?;
    for api in here.apis() {
        let list = api.get(here.list_path()).await?.json(200);
        assert_eq!(list["list"].as_array().map(Vec::len), Some(1), "{list}");
        assert_eq!(list["list"][0]["id"], "here");
        api.get(here.path("there")).await?.problem(404, "not_found");
    }
    Ok(())
}

#[tokio::test]
async fn a_book_that_does_not_exist_is_not_found() -> Result<()> {
    let library = Library::open().await?;
    for api in library.apis() {
        for path in [
            library.path("missing"),
            "/book/no-such-namespace/missing".to_owned(),
        ] {
            let problem = api.get(path).await?.problem(404, "not_found");
            assert_eq!(problem.message, "not found: the book \"missing\" does not exist");
        }
    }
    Ok(())
}

#[tokio::test]
async fn head_answers_as_get_does_but_for_the_body() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    for api in library.apis() {
        for path in [
            "/health".to_owned(),
            library.list_path(),
            library.path("book"),
            library.path("missing"),
        ] {
            let get = api.get(&path).header("X-Request-ID", "same").await?;
            let head = api.head(&path).header("X-Request-ID", "same").await?;
            assert_eq!(head.status, get.status, "{path}");
            assert_eq!(head.text(), "", "{path}");
            for header in ["content-type", "content-length", "x-request-id", "etag"] {
                assert_eq!(head.header(header), get.header(header), "{path}: {header}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn both_apis_say_that_they_are_healthy() -> Result<()> {
    let library = Library::open().await?;
    for api in library.apis() {
        let health = api.get("/health").await?.json(200);
        assert_eq!(health["status"], "ok");
    }
    Ok(())
}
