//! Loans and repositories for tests, and an API server that returns prepared answers in order.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use bookshelf_crd::BookLoan;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::super::model::{Book, Loan};
use super::super::version::Version;
use super::super::{self as repository, Repository};
use crate::connector::{Connector, Options};

/// The answer of an API server without the CRD of journals.
pub(super) const NO_CRD: &str = r#"{"apiVersion":"v1","kind":"Status","metadata":{},"status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404}"#;

/// Returns a connector to an API server that returns these answers in order.
pub(super) fn connector(answers: Vec<(u16, &'static str)>) -> Connector {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (code, body) in answers {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = BufReader::new(connection.try_clone().unwrap());
            let mut head = String::new();
            while request.read_line(&mut head).unwrap() > 2 {}
            write!(
                connection,
                "HTTP/1.1 {code} \r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    let config = kube::Config::new(format!("http://{address}").parse().unwrap());
    Connector::new(config, &Options::default()).unwrap()
}

/// Returns a loan of a book, with this uid.
pub(super) fn loan(book_id: &str, uid: &str) -> Loan {
    Loan {
        book_id: book_id.to_owned(),
        namespace_id: "ns".to_owned(),
        borrowed_by: "bob".into(),
        borrowed_at: Timestamp::from_second(1_000).unwrap(),
        imprint: None,
        book_uid: None,
        version: Version {
            uid: uid.into(),
            resource_version: "1".parse().unwrap(),
        },
    }
}

/// Returns the loan of the book `ns/a` as the watch reports it.
pub(super) fn loan_object(uid: &str, version: u32) -> BookLoan {
    let object = json!({
        "metadata": {
            "namespace": "ns", "name": "a", "uid": uid, "resourceVersion": version.to_string(),
            "creationTimestamp": "2026-11-22T11:11:09Z",
        },
        "spec": {"borrowedBy": "bob"},
    });
    serde_json::from_value(object).unwrap()
}

/// Returns a repository whose history is not loaded.
pub(super) fn repository() -> Repository<()> {
    let options = repository::Options {
        history: true,
        ..repository::Options::default()
    };
    Repository::fed_by_hand(|_: &Book| (), options)
}
