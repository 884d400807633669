use std::fs;

use actix_web::dev::ServerHandle;
use actix_web::http::Method;
use actix_web::http::header::AUTHORIZATION;
use actix_web::test::TestRequest;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use bookshelf_store::access::Access as Decisions;
use bookshelf_store::connector::{Connector, Options};
use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{HttpMethod, OpenApiBuilder, PathItem, PathsBuilder};

use super::*;
use crate::metrics::HttpMetrics;
use crate::route::{Reply, Resource, Right, Route, Routes, Verb};

const BOOKS: Right = Right::to(Verb::List, Resource::Books);
const BOOK: Right = Right::to(Verb::Get, Resource::Books);

/// Answers a review like an API server: allows everything except access to journals without a name.
async fn review(request: HttpRequest, review: web::Json<Value>) -> HttpResponse {
    let asked = &review["spec"]["resourceAttributes"];
    let is_named = asked["name"].as_str().is_some_and(|name| !name.is_empty());
    let is_allowed = asked["resource"] != "loanjournals" || is_named;
    let (version, kind) = if request.path().ends_with("/tokenreviews") {
        ("authentication.k8s.io/v1", "TokenReview")
    } else {
        ("authorization.k8s.io/v1", "SubjectAccessReview")
    };
    let user = json!({"username": "somebody", "uid": "1", "groups": ["system:authenticated"]});
    HttpResponse::Created().json(json!({
        "apiVersion": version, "kind": kind, "metadata": {}, "spec": {},
        "status": {"authenticated": true, "audiences": ["here"], "user": user, "allowed": is_allowed},
    }))
}

fn route(template: &str, right: Right) -> Route {
    let answer = |_: &Request| -> Result<Reply, Problem> { Ok(HttpResponse::Ok().finish().into()) };
    let item = PathItem::new(HttpMethod::Get, Operation::new());
    let paths = PathsBuilder::new().path(template, item).build();
    Route::read(OpenApiBuilder::new().paths(paths).build(), right, answer)
}

/// Returns an authorization that uses these reviews, and their server.
async fn auth() -> (Auth, ServerHandle) {
    let server = HttpServer::new(|| App::new().default_service(web::to(review)));
    let server = server.workers(1).bind("127.0.0.1:0").unwrap();
    let cluster = json!({"server": format!("http://{}", server.addrs()[0])});
    let server = server.run();
    let handle = server.handle();
    rt::spawn(server);
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    let context = json!({"cluster": "a", "user": "a"});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": cluster}], "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": context}],
    });
    fs::write(kubeconfig.path(), config.to_string()).unwrap();
    let options = Options {
        kubeconfig: Some(kubeconfig.path().to_owned()),
        ..Options::default()
    };
    let connector = Connector::infer(options).await.unwrap();
    let auth = Auth::Token(TokenMode::new(Decisions::new(
        &connector,
        vec!["here".to_owned()],
    )));
    (auth, handle)
}

#[actix_web::test]
async fn a_book_is_no_name_of_a_journal() {
    let (auth, handle) = auth().await;
    let template = "/book/{namespace}/{id}/history";
    let journals = Right::to(Verb::List, Resource::LoanJournals);
    let routes = Routes::default().route(route(template, journals));
    let table = Table::new(routes, &HttpMetrics::default());
    let path = "/book/science/a/history";
    let (endpoint, parameters) = table.find(&Method::GET, path);
    let request = TestRequest::with_uri(path).insert_header((AUTHORIZATION, "Bearer a.b.c"));
    let request = Request::new(request.to_http_request(), parameters);
    let attributes = Attributes {
        request: &request,
        endpoint,
        is_stream: false,
        table: &table,
    };
    let refused = auth.authorize(attributes).await;
    assert!(refused.is_err(), "the reviews allow journals by name alone");
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_kept_decision_takes_no_allocation() {
    let (auth, handle) = auth().await;
    let routes = Routes::default()
        .route(route("/book", BOOKS))
        .route(route("/book/{namespace}", BOOKS))
        .route(route("/book/{namespace}/{id}", BOOK))
        .route(route("/loan/{namespace}/{id}", BOOK.of_tenant()));
    let table = Table::new(routes, &HttpMetrics::default());

    let mut decided = 0;
    for path in ["/book", "/book/science", "/book/science/a", "/loan/science/a"] {
        for tenant in ["somebody", "somebody-else"] {
            let (endpoint, parameters) = table.find(&Method::GET, path);
            let request = TestRequest::with_uri(path)
                .insert_header((AUTHORIZATION, "Bearer a.b.c"))
                .insert_header(("x-tenant-id", tenant))
                .to_http_request();
            let request = Request::new(request, parameters);
            let attributes = Attributes {
                request: &request,
                endpoint,
                is_stream: false,
                table: &table,
            };
            auth.authorize(attributes).await.unwrap();
            let allocated = allocation_counter::measure(|| {
                let grant = auth.authorize_now(attributes).unwrap().unwrap();
                assert_eq!(grant.grant.user.unwrap().name, "somebody");
                decided += 1;
            });
            assert_eq!(allocated.count_total, 0, "{path}, {tenant}");
        }
    }
    assert_eq!(decided, 8);
    // The counter does count.
    assert_eq!(
        allocation_counter::measure(|| drop(Box::new(decided))).count_total,
        1
    );
    handle.stop(false).await;
}
