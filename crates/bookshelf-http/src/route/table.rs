//! The table built from the routes.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use actix_web::http::Method;
use bookshelf_store::repository::Served;

use super::{Handler, Read, Right, Route, Routes, methods};
use crate::extract::PathParameters;
use crate::metrics::{HttpMetrics, RouteMetrics};
use crate::problem::{Code, Problem};

/// The routes by path, then method.
pub(crate) struct Table {
    paths: matchit::Router<Vec<Rc<Endpoint>>>,
}

/// One method of a route.
pub(crate) struct Endpoint {
    method: Method,
    pub(crate) handler: Handler,
    /// The handler of requests that prefer an event stream.
    pub(crate) stream: Option<Rc<Read>>,
    pub(crate) metrics: RouteMetrics,
    /// The right that a request requires. A public route belongs to the service itself: it answers before the books are
    /// loaded, and its answers have no version.
    pub(crate) right: Right,
    /// The resources that answers depend on.
    pub(crate) served: Served,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Endpoint");
        debug.field("method", &self.method).finish_non_exhaustive()
    }
}

impl Table {
    /// Creates the table of these routes.
    ///
    /// # Panics
    ///
    /// If paths conflict, or a path has a parameter that no handler knows: a mistake in the routes.
    pub(crate) fn new(routes: Routes, metrics: &HttpMetrics) -> Self {
        let mut by_template = BTreeMap::<String, Vec<Rc<Endpoint>>>::new();
        for Route {
            documentation,
            handler,
            stream,
            served,
            right,
        } in routes.0
        {
            for (template, item) in documentation.paths.paths {
                let mut names = template
                    .split('{')
                    .skip(1)
                    .filter_map(|rest| rest.split('}').next());
                let unknown = names.find(|name| !PathParameters::NAMES.contains(name));
                assert!(unknown.is_none(), "{template}: no handler knows {unknown:?}");
                let endpoints = methods(&item).map(|method| {
                    Rc::new(Endpoint {
                        metrics: metrics.route(&method, &template),
                        method,
                        handler: handler.clone(),
                        stream: stream.clone(),
                        right,
                        served,
                    })
                });
                let endpoints = endpoints.collect::<Vec<_>>();
                by_template.entry(template).or_default().extend(endpoints);
            }
        }
        let mut paths = matchit::Router::new();
        for (template, endpoints) in by_template {
            let added = paths.insert(&template, endpoints);
            assert!(added.is_ok(), "{template}: {added:?}");
        }
        Self { paths }
    }

    /// Finds the endpoint for a method and a path, and the parameters of the path, even if the path lacks the method.
    pub(crate) fn find(&self, method: &Method, path: &str) -> (Option<&Rc<Endpoint>>, PathParameters) {
        match self.paths.at(path) {
            Ok(found) => (
                found.value.iter().find(|endpoint| endpoint.method == *method),
                PathParameters::new(path, &found.params),
            ),
            Err(_) => (None, PathParameters::default()),
        }
    }

    /// Returns the refusal of a request for which there is no endpoint: no such path, or not with this method.
    pub(crate) fn refusal(&self, path: &str) -> Problem {
        let Ok(found) = self.paths.at(path) else {
            return Problem::new(Code::NotFound, "not found: the route does not exist");
        };
        let allow = found.value.iter().map(|endpoint| endpoint.method.as_str());
        Problem::method_not_allowed(allow.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::HttpResponse;
    use actix_web::test::TestRequest;
    use utoipa::openapi::{HttpMethod, OpenApiBuilder, PathItem, PathsBuilder, path::Operation};

    use super::*;
    use crate::extract::Request;
    use crate::route::Reply;

    fn table(templates: &[&str]) -> Table {
        let answer = |_: &Request| -> Result<Reply, Problem> { Ok(HttpResponse::Ok().finish().into()) };
        let mut routes = Routes::default();
        for template in templates {
            let item = PathItem::new(HttpMethod::Get, Operation::new());
            let paths = PathsBuilder::new().path(*template, item).build();
            let document = OpenApiBuilder::new().paths(paths).build();
            routes = routes.route(Route::read(document, Right::PUBLIC, answer));
        }
        Table::new(routes, &HttpMetrics::default())
    }

    #[test]
    fn the_scope_of_a_request_comes_from_the_names_in_its_template() {
        let table = table(&[
            "/book",
            "/book/{namespace}",
            "/book/{namespace}/{id}",
            "/book/{namespace}/{id}/borrow",
            "/tenant/{id}/loans",
            "/tenant/{id}/loans/{namespace}",
        ]);
        for (path, expected) in [
            ("/book", "All"),
            ("/book/ns", "Namespace"),
            ("/book/ns/id", "Book"),
            ("/book/ns/id/borrow", "Book"),
            ("/book/BAD", "namespace_id "),
            ("/book/BAD/id", "namespace_id "),
            ("/book/ns/BAD", "id "),
            ("/book/ns/BAD/borrow", "id "),
            // By position, `bob` would be taken for a namespace.
            ("/tenant/bob/loans", "All"),
            ("/tenant/bob/loans/ns", "namespace: \"ns\", id: \"bob\""),
        ] {
            let request = TestRequest::with_uri(path).to_http_request();
            let (endpoint, parameters) = table.find(&Method::GET, path);
            assert!(endpoint.is_some(), "{path}");
            let scope = match Request::new(request, parameters).scope() {
                Ok(scope) => format!("{scope:?}"),
                Err(problem) => problem.to_string(),
            };
            assert!(scope.contains(expected), "{path}: {scope}");
        }
    }

    #[test]
    fn head_works_where_get_does_and_other_methods_are_refused() {
        let table = table(&["/book/{namespace}"]);
        let has = |method: Method| table.find(&method, "/book/ns").0.is_some();
        assert!(has(Method::GET) && has(Method::HEAD) && !has(Method::POST));
        assert_eq!(
            table.refusal("/book/ns").to_string(),
            "this resource allows GET, HEAD"
        );
        assert!(table.refusal("/loan").to_string().starts_with("not found"));
    }
}
