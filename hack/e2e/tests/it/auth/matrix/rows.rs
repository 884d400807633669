//! The table: every operation with the rights that it requires.

use anyhow::Result;
use e2e::Api;
use http::Method;
use serde_json::{Value, json};

use super::super::{ADMIN, USER};

/// An operation, the rights that it requires, and its status with and without them.
pub(super) struct Row {
    pub(super) api: &'static str,
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) query: &'static str,
    pub(super) is_stream: bool,
    /// Empty for an operation without credentials.
    pub(super) rights: &'static [(&'static str, &'static str)],
    pub(super) status: u16,
    /// The status without one of the rights.
    pub(super) without: u16,
}

const BOOK: &str = "/book/{namespace}/{id}";
const CATEGORY: &str = "/book/{namespace}/{id}/category";
const BOOKS: &str = "/book/{namespace}";
const LOAN: &str = "/loan/{namespace}/{id}";
const LOANS: &str = "/loan/{namespace}";
const BOOK_HISTORY: &str = "/book/{namespace}/{id}/history";
const HISTORY: &str = "/history/{namespace}";
const ALL: &str = "/book";
const NAMESPACES: &str = "/namespace";

/// The rights that any row requires.
pub(super) const RIGHTS: [(&str, &str); 13] = [
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

pub(super) fn rows() -> Vec<Row> {
    let row = |api, method, path, rights, status| Row {
        api,
        method,
        path,
        query: "",
        is_stream: false,
        rights,
        status,
        without: 403,
    };
    let get = |api, path, rights, status| row(api, Method::GET, path, rights, status);
    let stream = |api, path, rights| Row {
        is_stream: true,
        ..row(api, Method::GET, path, rights, 200)
    };
    // A list of all namespaces contains what the caller may see.
    let of_all = |api, path| Row {
        without: 200,
        ..row(api, Method::GET, path, &[("list", "books")], 200)
    };
    let post = |path, rights, status| row(USER, Method::POST, path, rights, status);
    let mut rows = vec![
        get(ADMIN, BOOKS, &[("list", "books")], 200),
        stream(ADMIN, BOOKS, &[("watch", "books")]),
        get(ADMIN, BOOK, &[("get", "books")], 200),
        row(ADMIN, Method::POST, BOOKS, &[("create", "books")], 201),
        row(ADMIN, Method::PUT, BOOK, &[("update", "books")], 200),
        row(ADMIN, Method::PATCH, CATEGORY, &[("patch", "books")], 200),
        row(ADMIN, Method::POST, CATEGORY, &[("patch", "books")], 200),
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
        get(ADMIN, LOANS, &[("list", "bookloans")], 200),
        stream(ADMIN, LOANS, &[("watch", "bookloans")]),
        get(ADMIN, LOAN, &[("get", "bookloans")], 404),
        row(ADMIN, Method::DELETE, LOAN, &[("delete", "bookloans")], 404),
        get(ADMIN, BOOK_HISTORY, &[("list", "loanjournals")], 200),
        get(ADMIN, HISTORY, &[("list", "loanjournals")], 200),
        Row {
            query: "?borrowed_by=bob",
            ..row(ADMIN, Method::DELETE, HISTORY, &[("update", "loanjournals")], 204)
        },
        get(USER, BOOK_HISTORY, &[("get", "books")], 200),
        get(USER, HISTORY, &[("list", "books")], 200),
        get(USER, BOOKS, &[("list", "books")], 200),
        stream(USER, BOOKS, &[("watch", "books")]),
        get(USER, BOOK, &[("get", "books")], 200),
        get(USER, LOANS, &[("list", "books")], 200),
        stream(USER, LOANS, &[("watch", "books")]),
        get(USER, LOAN, &[("get", "books")], 404),
        post("/book/{namespace}/{id}/borrow", &[("get", "books")], 201),
        post("/book/{namespace}/{id}/return", &[("get", "books")], 204),
    ];
    for api in [ADMIN, USER] {
        rows.extend([
            of_all(api, ALL),
            stream(api, ALL, &[("watch", "books")]),
            of_all(api, NAMESPACES),
        ]);
        for path in [
            "/",
            "/ui/{file}",
            "/health",
            "/openapi.json",
            "/docs",
            "/docs/{file}",
        ] {
            rows.push(get(api, path, &[], 200));
        }
    }
    rows
}

impl Row {
    pub(super) fn about(&self) -> String {
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

    pub(super) fn is_public(&self) -> bool {
        self.rights.is_empty()
    }

    pub(super) fn is_of_all(&self) -> bool {
        !self.is_public() && !self.path.contains("{namespace}")
    }

    pub(super) async fn status(&self, api: &Api, namespace: &str, id: &str) -> Result<u16> {
        let path = self.path.replace("{namespace}", namespace).replace("{id}", id);
        let file = if path.starts_with("/ui") {
            "app.css"
        } else {
            "swagger-ui.css"
        };
        let path = path.replace("{file}", file) + self.query;
        if self.is_stream {
            // The response to HEAD is that to GET, but it ends.
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
