//! Every operation × every kind of caller, in one table.

use std::collections::BTreeSet;

use anyhow::Result;
use e2e::{Api, Person, book};
use http::Method;
use serde_json::{Value, json};

use super::{ADMIN, House, USER};

/// An operation, the right that it takes, and the status of its success.
struct Row {
    api: &'static str,
    method: Method,
    path: &'static str,
    query: &'static str,
    is_stream: bool,
    rights: &'static [(&'static str, &'static str)],
    status: u16,
}

const BOOK: &str = "/book/{namespace}/{id}";
const CATEGORY: &str = "/book/{namespace}/{id}/category";
const BOOKS: &str = "/book/{namespace}";
const LOAN: &str = "/loan/{namespace}/{id}";
const LOANS: &str = "/loan/{namespace}";
const BOOK_HISTORY: &str = "/book/{namespace}/{id}/history";
const HISTORY: &str = "/history/{namespace}";

fn rows() -> Vec<Row> {
    let row = |api, method, path, rights, status| Row {
        api,
        method,
        path,
        query: "",
        is_stream: false,
        rights,
        status,
    };
    let stream = |row: Row| Row {
        is_stream: true,
        ..row
    };
    let (get, post) = (Method::GET, Method::POST);
    vec![
        row(ADMIN, get.clone(), BOOKS, &[("list", "books")], 200),
        stream(row(ADMIN, get.clone(), BOOKS, &[("watch", "books")], 200)),
        row(ADMIN, get.clone(), BOOK, &[("get", "books")], 200),
        row(ADMIN, post.clone(), BOOKS, &[("create", "books")], 201),
        row(ADMIN, Method::PUT, BOOK, &[("update", "books")], 200),
        row(ADMIN, Method::PATCH, CATEGORY, &[("patch", "books")], 200),
        row(ADMIN, post.clone(), CATEGORY, &[("patch", "books")], 200),
        row(ADMIN, Method::DELETE, BOOK, &[("delete", "books")], 204),
        Row {
            query: "?force=true",
            ..row(
                ADMIN,
                Method::DELETE,
                BOOK,
                &[("delete", "books"), ("delete", "bookloans")],
                204,
            )
        },
        row(ADMIN, get.clone(), LOANS, &[("list", "bookloans")], 200),
        stream(row(ADMIN, get.clone(), LOANS, &[("watch", "bookloans")], 200)),
        row(ADMIN, get.clone(), LOAN, &[("get", "bookloans")], 404),
        row(ADMIN, Method::DELETE, LOAN, &[("delete", "bookloans")], 404),
        row(ADMIN, get.clone(), BOOK_HISTORY, &[("list", "loanjournals")], 200),
        row(ADMIN, get.clone(), HISTORY, &[("list", "loanjournals")], 200),
        Row {
            query: "?borrowed_by=bob",
            ..row(ADMIN, Method::DELETE, HISTORY, &[("update", "loanjournals")], 204)
        },
        row(USER, get.clone(), BOOK_HISTORY, &[("get", "books")], 200),
        row(USER, get.clone(), HISTORY, &[("list", "books")], 200),
        row(USER, get.clone(), BOOKS, &[("list", "books")], 200),
        stream(row(USER, get.clone(), BOOKS, &[("watch", "books")], 200)),
        row(USER, get.clone(), BOOK, &[("get", "books")], 200),
        row(USER, get.clone(), LOANS, &[("list", "books")], 200),
        stream(row(USER, get.clone(), LOANS, &[("watch", "books")], 200)),
        row(USER, get, LOAN, &[("get", "books")], 404),
        row(
            USER,
            post.clone(),
            "/book/{namespace}/{id}/borrow",
            &[("get", "books")],
            201,
        ),
        row(
            USER,
            post,
            "/book/{namespace}/{id}/return",
            &[("get", "books")],
            204,
        ),
    ]
}

/// The operations on all namespaces, which answer with what the caller may see; their tests are those of lists.
const OF_ALL: [&str; 2] = ["/book", "/namespace"];
/// The operations that need no credentials.
const PUBLIC: [&str; 4] = ["/health", "/openapi.json", "/docs", "/docs/{file}"];

/// The rights that some row takes.
const RIGHTS: [(&str, &str); 13] = [
    ("get", "books"),
    ("list", "books"),
    ("watch", "books"),
    ("create", "books"),
    ("update", "books"),
    ("patch", "books"),
    ("delete", "books"),
    ("get", "bookloans"),
    ("list", "bookloans"),
    ("watch", "bookloans"),
    ("delete", "bookloans"),
    ("list", "loanjournals"),
    ("update", "loanjournals"),
];

impl Row {
    fn about(&self) -> String {
        let Self {
            api,
            method,
            path,
            query,
            is_stream,
            ..
        } = self;
        let kind = if *is_stream { " as a stream" } else { "" };
        format!("{api}: {method} {path}{query}{kind}")
    }

    async fn status(&self, api: &Api, namespace: &str, id: &str) -> Result<u16> {
        let path = self.path.replace("{namespace}", namespace).replace("{id}", id);
        let path = path + self.query;
        if self.is_stream {
            // The answer to HEAD is that to GET, and ends.
            let head = api.head(path).header("Accept", "text/event-stream").await?;
            return Ok(head.status);
        }
        let mut request = api.request(self.method.clone(), path);
        if let Some(body) = self.body(id) {
            request = request.json(&body);
        }
        Ok(request.await?.status)
    }

    fn body(&self, id: &str) -> Option<Value> {
        match (&self.method, self.path) {
            (&Method::POST, BOOKS) => Some(json!({"id": format!("{id}-new"), "author": "A", "title": "T"})),
            (&Method::PUT, BOOK) => Some(json!({"author": "A", "title": "T"})),
            (_, CATEGORY) => Some(json!({"category_id": "math"})),
            _ => None,
        }
    }
}

/// A caller with exactly these rights in a namespace; on these names alone, where there are any.
async fn person(
    house: &House,
    name: &str,
    namespace: &str,
    rights: &[(&str, &str)],
    names: &[&str],
) -> Result<Person> {
    let person = house.person(name).await?;
    for (verb, resource) in rights {
        person.grant(namespace, &[verb], &[resource], names).await?;
    }
    Ok(person)
}

#[tokio::test]
async fn every_operation_takes_its_own_right_and_no_other() -> Result<()> {
    let house = House::open().await?;
    let other = House::open().await?;
    let namespace = &house.library.namespace;
    for (number, row) in rows().iter().enumerate() {
        let id = format!("book-{number}");
        house.library.plant(&book(&id)).await?;
        let name = |kind: &str| format!("{kind}-{number}");
        let status = async |caller: &Person| {
            let api = house.asked_by(caller, row.api).await?;
            row.status(&api, namespace, &id).await
        };
        let about = row.about();

        let api = if row.api == ADMIN {
            &house.admin
        } else {
            &house.user
        };
        assert_eq!(row.status(api, namespace, &id).await?, 401, "{about}, nobody");
        let stranger = house.person(&name("stranger")).await?;
        assert_eq!(status(&stranger).await?, 403, "{about}, without rights");
        let elsewhere = person(&house, &name("elsewhere"), &other.library.namespace, &RIGHTS, &[]).await?;
        assert_eq!(status(&elsewhere).await?, 403, "{about}, of another namespace");
        for lacking in row.rights {
            let all_but_one = RIGHTS.iter().copied().filter(|right| right != lacking);
            let all_but_one = all_but_one.collect::<Vec<_>>();
            let lacking = format!("lacks-{}-{}", lacking.0, lacking.1);
            let lacking = person(&house, &name(&lacking), namespace, &all_but_one, &[]).await?;
            assert_eq!(status(&lacking).await?, 403, "{about}, with all rights but one");
        }
        let is_of_one = row.path.contains("{id}");
        if is_of_one {
            let named = person(&house, &name("other-name"), namespace, row.rights, &["another"]).await?;
            assert_eq!(
                status(&named).await?,
                403,
                "{about}, with the right to another name"
            );
        }
        // A missing book is refused as one that is there: nobody learns of what they may not see.
        let api = house.asked_by(&stranger, row.api).await?;
        assert_eq!(
            row.status(&api, namespace, "missing").await?,
            403,
            "{about}, missing"
        );
        let nowhere = row.status(&api, "no-such-namespace", &id).await?;
        assert_eq!(nowhere, 403, "{about}, no such namespace");
        // What the path names is checked before rights are.
        let invalid = row.status(&api, "NO-NAMESPACE", &id).await?;
        assert_eq!(invalid, 400, "{about}, no namespace");

        let names = [id.as_str()];
        let names = if is_of_one && number % 2 == 0 {
            &names[..]
        } else {
            &[]
        };
        let right = person(&house, &name("right"), namespace, row.rights, names).await?;
        assert_eq!(
            status(&right).await?,
            row.status,
            "{about}, with its right on {names:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_table_of_callers_has_every_operation() -> Result<()> {
    let house = House::open().await?;
    for (name, api) in [(ADMIN, &house.admin), (USER, &house.user)] {
        let document = api.get("/openapi.json").await?.json(200);
        let mut documented = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                let is_public = PUBLIC.contains(&path.as_str()) || path.starts_with("/ui/") || path == "/";
                let security = &operation["security"];
                assert_eq!(security.is_null(), is_public, "{method} {path}: {security}");
                if !is_public && !OF_ALL.contains(&path.as_str()) {
                    documented.insert((method.to_uppercase(), path.clone()));
                }
            }
        }
        let rows = rows();
        let rows = rows.iter().filter(|row| row.api == name);
        let in_table = rows.map(|row| (row.method.to_string(), row.path.to_owned()));
        assert_eq!(in_table.collect::<BTreeSet<_>>(), documented, "{name}");
        assert_eq!(
            document["components"]["securitySchemes"]["bearer"]["scheme"],
            "bearer"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_route_is_refused_without_a_token_and_then_not_found() -> Result<()> {
    let house = House::open().await?;
    let stranger = house.person("stranger").await?;
    for (audience, api) in [(ADMIN, &house.admin), (USER, &house.user)] {
        let by_stranger = house.asked_by(&stranger, audience).await?;
        for (method, path, status) in [
            (Method::GET, "/nowhere", 404),
            (Method::GET, "/health/", 404),
            (Method::GET, "/docs/a/b", 404),
            (Method::POST, "/health", 405),
            (Method::OPTIONS, "/book", 405),
            (Method::TRACE, "/book", 405),
            (Method::from_bytes(b"BREW")?, "/book", 405),
            (Method::DELETE, "/namespace", 405),
        ] {
            let about = format!("{method} {path}");
            let refused = api.request(method.clone(), path).await?;
            assert_eq!(refused.status, 401, "{about}");
            let refused = by_stranger.request(method, path).await?;
            assert_eq!(refused.status, status, "{about}");
        }
        for path in ["/health", "/openapi.json", "/docs"] {
            for method in [Method::GET, Method::HEAD] {
                let public = api.request(method.clone(), path).await?;
                assert_eq!(public.status, 200, "{method} {path}");
            }
        }
    }
    Ok(())
}
