//! The library with kubectl: the APIs serve its books, and kubectl prints theirs well.

use anyhow::{Context as _, Result};
use control_plane::Kubectl;
use e2e::Library;
use serde_json::{Value, json};

async fn library() -> Result<(Library, Kubectl)> {
    let library = Library::open().await?;
    let kubectl = library.cluster.kubectl().await?;
    Ok((library, kubectl))
}

fn manifest(name: &str, author: &str, title: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "bookshelf.lostinsoba.com/v1alpha1",
        "kind": "Book",
        "metadata": {"name": name, "labels": labels},
        "spec": {"author": author, "title": title},
    })
}

#[tokio::test]
async fn two_books_that_kubectl_adds_are_in_both_apis_and_helms_is_lent_but_not_changed() -> Result<()> {
    let (library, kubectl) = library().await?;
    let ours = manifest(
        "landau-mechanics",
        "Landau L.D., Lifshitz E.M.",
        "Mechanics",
        &json!({}),
    );
    let helm =
        json!({"app.kubernetes.io/managed-by": "Helm", "books.bookshelf.lostinsoba.com/category": "math"});
    let helms = manifest(
        "modenov-analytic-geometry",
        "Modenov P.S.",
        "Analytic Geometry",
        &helm,
    );
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [ours, helms]});
    let apply = ["apply", "-n", &library.namespace, "-f", "-"];
    kubectl.run_with_input(&apply, &list.to_string()).await?;

    library.appeared("landau-mechanics").await?;
    library.appeared("modenov-analytic-geometry").await?;
    for api in library.apis() {
        let list = api.get(library.list_path()).await?.json(200);
        let expected = [
            json!({"id": "landau-mechanics", "author": "Landau L.D., Lifshitz E.M.", "title": "Mechanics",
                   "namespace_id": library.namespace}),
            json!({"id": "modenov-analytic-geometry", "author": "Modenov P.S.", "title": "Analytic Geometry",
                   "category_id": "math", "namespace_id": library.namespace, "managed_by": "Helm"}),
        ];
        let expected = expected.map(|book| library.as_served_by(api, &book, true));
        assert_eq!(list, json!({"list": expected}));
    }

    let path = library.path("modenov-analytic-geometry");
    let category = json!({"category_id": "geometry"});
    library
        .admin
        .put(&path)
        .json(&library.body("modenov-analytic-geometry"))
        .await?
        .problem(403, "not_manageable");
    library
        .admin
        .patch(format!("{path}/category"))
        .json(&category)
        .await?
        .problem(403, "not_manageable");
    library.admin.delete(&path).await?.problem(403, "not_manageable");
    library
        .user
        .post(format!("{path}/borrow"))
        .tenant("bob")
        .await?
        .json(201);
    library
        .user
        .post(format!("{path}/return"))
        .tenant("bob")
        .await?
        .empty(204);

    kubectl
        .run(&["delete", "books", "--all", "-n", &library.namespace])
        .await?;
    library.vanished("landau-mechanics").await?;
    library.vanished("modenov-analytic-geometry").await
}

#[tokio::test]
async fn short_names_and_the_category_work() -> Result<()> {
    let (library, kubectl) = library().await?;
    library.add("book").await?;
    library.borrow("book", "bob").await?.json(201);
    for (resource, names) in [
        ("bk", "book.bookshelf.lostinsoba.com/book\n"),
        ("book", "book.bookshelf.lostinsoba.com/book\n"),
        ("bl", "bookloan.bookshelf.lostinsoba.com/book\n"),
        (
            "bookshelf",
            "bookloan.bookshelf.lostinsoba.com/book\nbook.bookshelf.lostinsoba.com/book\n",
        ),
    ] {
        let seen = kubectl
            .run(&["get", resource, "-n", &library.namespace, "-o", "name"])
            .await?;
        let sorted = |text: &str| {
            // The history may already have its first journal.
            let lines = text.lines().filter(|line| !line.starts_with("loanjournal."));
            let mut lines: Vec<String> = lines.map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&seen), sorted(names), "{resource}");
    }
    Ok(())
}

#[tokio::test]
async fn authors_and_borrowers_can_be_selected_by_field() -> Result<()> {
    let (library, kubectl) = library().await?;
    let mut other = library.body("other");
    other["author"] = "Another".into();
    library
        .admin
        .post(library.list_path())
        .json(&other)
        .await?
        .json(201);
    for (id, tenant) in [("one", "bob"), ("two", "alice")] {
        library.add(id).await?;
        library.borrow(id, tenant).await?.json(201);
    }
    for (resource, selector, name) in [
        (
            "books",
            "spec.author=Another",
            "book.bookshelf.lostinsoba.com/other\n",
        ),
        (
            "bookloans",
            "spec.borrowedBy=alice",
            "bookloan.bookshelf.lostinsoba.com/two\n",
        ),
    ] {
        let get = [
            "get",
            resource,
            "-n",
            &library.namespace,
            "--field-selector",
            selector,
            "-o",
            "name",
        ];
        assert_eq!(kubectl.run(&get).await?, name);
    }
    Ok(())
}

#[tokio::test]
async fn the_manager_of_a_book_is_in_its_wide_columns() -> Result<()> {
    let (library, kubectl) = library().await?;
    let labels = json!({"app.kubernetes.io/managed-by": "its-manager", "kapp.k14s.io/app": "its-app"});
    let mut managed = manifest("managed", "A", "T", &labels);
    managed["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id": "its-tracking-id"});
    let apply = ["apply", "-n", &library.namespace, "-f", "-"];
    kubectl.run_with_input(&apply, &managed.to_string()).await?;
    let get = ["get", "books", "-n", &library.namespace];
    let table = kubectl.run(&get).await?;
    let header = table.lines().next().unwrap_or_default();
    let header: Vec<&str> = header.split_whitespace().collect();
    assert_eq!(header, ["NAME", "AUTHOR", "TITLE", "CATEGORY", "AGE"]);
    let wide = kubectl.run(&[&get[..], &["-o", "wide"]].concat()).await?;
    for word in ["MANAGED BY", "its-manager", "its-app", "its-tracking-id"] {
        assert!(wide.contains(word), "{word}: {wide}");
    }
    Ok(())
}

#[tokio::test]
async fn every_field_is_explained() -> Result<()> {
    let kubectl = e2e::Cluster::shared()?.kubectl().await?;
    for (resource, words) in [
        (
            "book",
            vec!["A book of a library", "managed-by", "Argo CD, Flux or kapp"],
        ),
        ("book.spec", vec!["author", "title", "description", "-required-"]),
        ("book.spec.author", vec!["The author, as on the title page"]),
        ("book.spec.title", vec!["The book's title"]),
        ("book.spec.description", vec!["A description, in free text"]),
        (
            "bookloan",
            vec!["The loan of the book of the same name", "ownerReference"],
        ),
        ("bookloan.spec", vec!["borrowedBy", "-required-"]),
        ("bookloan.spec.borrowedBy", vec!["The tenant who has the book"]),
    ] {
        let text = kubectl.run(&["explain", resource]).await?;
        let (_, described) = text.split_once("DESCRIPTION:").context("a description")?;
        assert!(!text.contains("<empty>"), "{text}");
        // kubectl wraps lines anywhere.
        let flat: String = described.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flat.contains(word), "{resource}: {word}: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn kubectl_gets_the_reason_for_which_a_book_is_refused() -> Result<()> {
    let (library, kubectl) = library().await?;
    let blank = manifest("blank", " ", "T", &json!({}));
    let invisible = manifest("invisible", "A", "\u{200b}", &json!({}));
    let dark = manifest("dark", "\u{98}Die\u{9c} Verwandlung", "T", &json!({}));
    let long = manifest("long", "A", &"t".repeat(1_025), &json!({}));
    let mut missing = manifest("missing", "A", "T", &json!({}));
    missing["spec"] = json!({"title": "T"});
    for (manifest, words) in [
        (blank, ["spec.author", "must not be blank"]),
        (invisible, ["spec.title", "must not be blank"]),
        (dark, ["spec.author", "must not contain control characters"]),
        (long, ["spec.title", "1024"]),
        (missing, ["spec.author", "Required value"]),
    ] {
        let apply = ["apply", "-n", &library.namespace, "-f", "-"];
        let refused = kubectl.run_with_input(&apply, &manifest.to_string()).await;
        let message = format!("{:#}", refused.err().context("it is refused")?);
        for word in words {
            assert!(message.contains(word), "{message}");
        }
    }
    Ok(())
}
