//! The route table: which handler answers a method and a path.
//!
//! A route is one line of an API's `routes.rs`: [`read!`](crate::read) for `GET` and `HEAD`, [`change!`](crate::change)
//! for the other methods. The `#[utoipa::path]` attribute of the handler has its method and path, and generates its
//! OpenAPI operation, so that nothing about a route is written twice. The line also has the right that the route
//! requires, so that no route can omit it. A method that a path does not have is answered with a 405 that lists those
//! it has ([RFC 9110, section 15.5.6](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6)).
//!
//! # Why actix-web's router is not used
//!
//! actix-web matches its resources one by one with regular expressions, and boxes the future of every answer, even if
//! the answer is already in memory. A read takes about 6 µs of CPU time, and such a future alone takes 3 % of that.
//! Besides, actix-web finds the route only within its own service, while the log, the metrics and the freshness of
//! every request depend on the route. The app therefore has one service for all requests, which finds the route in this
//! table with [matchit](https://docs.rs/matchit) and runs it in `request.rs`.

mod handler;
mod right;
mod table;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler as ActixHandler, Responder};
use bookshelf_store::repository::Served;
use utoipa::openapi::{OpenApi, PathItem};

pub(crate) use handler::{Extract, Handler, Read};
pub use handler::{ReadHandler, Reply};
pub use right::{Resource, Right, Verb};
pub(crate) use table::{Endpoint, Table};

/// Creates the [`Route`] of a read handler, with the operation of its `#[utoipa::path]` attribute and the right that it
/// requires.
#[macro_export]
macro_rules! read {
    ($($handler:ident)::+, $right:expr) => {
        $crate::route::Route::read($crate::operation!($($handler)::+), $right, $($handler)::+)
    };
}

/// Creates the [`Route`] of a change handler, an actix-web handler, with the operation of its `#[utoipa::path]`
/// attribute and the right that it requires.
#[macro_export]
macro_rules! change {
    ($($handler:ident)::+, $right:expr) => {
        $crate::route::Route::change($crate::operation!($($handler)::+), $right, $($handler)::+)
    };
}

/// The OpenAPI document of one handler.
#[doc(hidden)]
#[macro_export]
macro_rules! operation {
    ($($handler:ident)::+) => {{
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($handler)::+))]
        struct Operation;
        <Operation as utoipa::OpenApi>::openapi()
    }};
}

/// A handler with its methods, path, required right and documentation.
pub struct Route {
    documentation: OpenApi,
    handler: Handler,
    stream: Option<Rc<Read>>,
    served: Served,
    right: Right,
}

impl Route {
    /// Creates the route of a handler of `GET` and `HEAD`.
    #[must_use]
    pub fn read<A>(documentation: OpenApi, right: Right, handler: impl ReadHandler<A>) -> Self {
        Self::new(documentation, right, Handler::Read(Rc::new(Read::new(handler))))
    }

    /// Creates the route of a handler of other methods.
    #[must_use]
    pub fn change<F, A>(documentation: OpenApi, right: Right, handler: F) -> Self
    where
        F: ActixHandler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(
            documentation,
            right,
            Handler::Change(handler::extract(handler).into()),
        )
    }

    fn new(documentation: OpenApi, right: Right, handler: Handler) -> Self {
        Self {
            documentation,
            handler,
            stream: None,
            served: Served::default(),
            right,
        }
    }

    /// Sets the handler of requests that prefer an event stream.
    #[must_use]
    pub fn stream<A>(self, handler: impl ReadHandler<A>) -> Self {
        Self {
            stream: Some(Rc::new(Read::new(handler))),
            ..self
        }
    }

    /// Declares that answers depend on books and not on loans, so that a live read lists no loans.
    #[must_use]
    pub fn without_loans(self) -> Self {
        Self {
            served: Served::Books,
            ..self
        }
    }
}

/// The routes of an API.
#[derive(Default)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// Adds a route.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.0.push(route);
        self
    }

    /// Returns the path, method and required right of each operation, and true if it has an event stream.
    pub(crate) fn rights(&self) -> impl Iterator<Item = (&str, Method, Right, bool)> {
        self.0.iter().flat_map(|route| {
            let paths = route.documentation.paths.paths.iter();
            paths.flat_map(|(path, item)| {
                methods(item).map(|method| (path.as_str(), method, route.right, route.stream.is_some()))
            })
        })
    }

    /// Adds the operations and schemas of all routes to an OpenAPI document.
    #[must_use]
    pub fn document(self, mut document: OpenApi) -> OpenApi {
        for route in self.0 {
            document.merge(route.documentation);
        }
        document
    }
}

/// The methods of a documented path. `HEAD` works where `GET` does.
fn methods(item: &PathItem) -> impl Iterator<Item = Method> {
    let methods = [
        (Method::GET, &item.get),
        (Method::HEAD, &item.get),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
    ];
    let documented = methods.into_iter().filter(|(_, operation)| operation.is_some());
    documented.map(|(method, _)| method)
}
