//! An API server that gives answers in their order.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use crate::connector::{Connector, Options};

/// The answer of an API server without the definition of journals.
pub(super) const NO_DEFINITION: &str = r#"{"apiVersion":"v1","kind":"Status","metadata":{},"status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404}"#;

/// Returns a connector to an API server that gives these answers.
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
