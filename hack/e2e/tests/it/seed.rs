//! The seed's curl and kubectl commands, in order, return the seed's responses. Only the namespace differs, so that no
//! other test changes it.

use std::fs;

use anyhow::{Context as _, Result};
use e2e::{Library, examples};
use serde_json::{Value, json};

fn table(text: &str) -> Vec<Vec<String>> {
    // Cells are at least three blanks apart.
    let cells = |line: &str| {
        let cells = line.split("   ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    text.lines().map(cells).collect()
}

#[tokio::test]
async fn the_seeds_session_goes_as_in_the_seed() -> Result<()> {
    let library = Library::open().await?;
    let kubectl = library.cluster.kubectl().await?;
    let namespace = library.namespace.as_str();

    // kubectl apply -f - <<EOF ... twice, as in the examples
    let books = fs::read_to_string(examples().join("books.yaml"))?;
    assert!(books.contains("namespace: science-library"));
    kubectl
        .apply(&books.replace("science-library", namespace))
        .await?;
    library.appeared("modenov-analytic-geometry").await?;
    library.appeared("taylor-biological-science").await?;

    // kubectl get books -n science-library
    let [modenov, taylor] = [
        [
            "modenov-analytic-geometry",
            "Modenov P.S.",
            "Analytic Geometry",
            "math",
        ],
        [
            "taylor-biological-science",
            "Taylor D.J., Green N.P.O., Stout G.W.",
            "Biological Science",
            "biology",
        ],
    ];
    let header = ["NAME", "AUTHOR", "TITLE", "CATEGORY", "AGE"];
    let rows = table(&kubectl.run(&["get", "books", "-n", namespace]).await?);
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert_eq!(rows[0], header);
    assert_eq!(rows[1][..4], modenov);
    assert_eq!(rows[2][..4], taylor);

    // kubectl get books -l books.bookshelf.lostinsoba.com/category=biology -n science-library
    let selector = "books.bookshelf.lostinsoba.com/category=biology";
    let rows = table(
        &kubectl
            .run(&["get", "books", "-l", selector, "-n", namespace])
            .await?,
    );
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[1][..4], taylor);

    // curl http://localhost:8080/book/science-library
    let list = json!({"list": [
        {"id": "modenov-analytic-geometry", "author": "Modenov P.S.", "title": "Analytic Geometry",
         "category_id": "math", "namespace_id": namespace},
        {"id": "taylor-biological-science", "author": "Taylor D.J., Green N.P.O., Stout G.W.",
         "title": "Biological Science", "category_id": "biology", "namespace_id": namespace},
    ]});
    for api in library.apis() {
        let [first, second] = [0, 1].map(|place| library.as_served_by(api, &list["list"][place], true));
        let of_math = json!({"list": [first]});
        let list = json!({"list": [first, second]});
        assert_eq!(api.get(library.list_path()).await?.json(200), list);
        // curl http://localhost:8080/book/science-library?category_id=math
        let path = format!("{}?category_id=math", library.list_path());
        assert_eq!(api.get(path).await?.json(200), of_math);
    }

    // curl -X PUT http://localhost:8080/book/science-library/modenov-analytic-geometry
    let path = library.path("modenov-analytic-geometry");
    let body = json!({
        "id": "modenov-analytic-geometry",
        "author": "Modenov P.S.",
        "title": "Analytic Geometry",
        "category_id": "math",
        "description": "The green book for 1st semester",
        "namespace_id": namespace,
    });
    library.admin.put(&path).json(&body).await?.json(200);

    // curl -X POST http://localhost:8080/book/science-library/modenov-analytic-geometry/category
    let category = json!({"category_id": "geometry"});
    library
        .admin
        .post(format!("{path}/category"))
        .json(&category)
        .await?
        .json(200);

    // curl "http://localhost:8080/book/science-library/modenov-analytic-geometry"
    let mut book = body;
    book["category_id"] = "geometry".into();
    book["managed_by"] = "bookshelf".into();
    assert_eq!(library.admin.get(&path).await?.json(200), book);

    // curl -X POST http://localhost:8080/book/science-library/modenov-analytic-geometry/borrow -H "X-TENANT-ID: bob"
    library
        .user
        .post(format!("{path}/borrow"))
        .tenant("bob")
        .await?
        .json(201);
    // ... -H "X-TENANT-ID: alice"
    let refused = library
        .user
        .post(format!("{path}/borrow"))
        .tenant("alice")
        .await?;
    assert_eq!(
        refused.problem(409, "already_borrowed").message,
        "already borrowed"
    );

    // kubectl get bookloans -n science-library
    let rows = table(&kubectl.run(&["get", "bookloans", "-n", namespace]).await?);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[0], ["NAME", "BORROWED BY", "BORROWED AT"]);
    assert_eq!(rows[1][..2], ["modenov-analytic-geometry", "bob"]);
    let loan = library.loans().get("modenov-analytic-geometry").await?;
    let created = loan.metadata.creation_timestamp.context("a time")?;
    assert_eq!(Value::from(rows[1][2].clone()), serde_json::to_value(created)?);
    Ok(())
}
