//! The URL table: templates of paths, the methods of each, and the handler of each method.
//!
//! `HEAD` works where `GET` does, and any other method is a 405 that lists those there are
//! ([RFC 9110, section 15.5.6](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6)).

use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder};
use bookshelf_store::repository::Shown;
use futures::future::LocalBoxFuture;
use utoipa::ToSchema;

use crate::metrics::{HttpMetrics, RouteMetrics};
use crate::problem::{Code, Problem};
use crate::{answer, docs, openapi};

/// What answers the requests of one method for one resource.
pub(crate) type Endpoint = Box<dyn Fn(HttpRequest, Payload) -> LocalBoxFuture<'static, HttpResponse>>;

/// Takes from a request what its handler needs: the rest of an endpoint, or what it answers to a request that is not valid.
pub(crate) type Prepare =
    Box<dyn Fn(HttpRequest, Payload) -> LocalBoxFuture<'static, Result<Prepared, HttpResponse>>>;

/// A handler with all that it needs.
pub(crate) type Prepared = Box<dyn FnOnce() -> LocalBoxFuture<'static, HttpResponse>>;

/// What answers a `GET` or `HEAD` where that needs nothing but memory: no body, no waiting.
pub type AtOnce = fn(&HttpRequest) -> Option<Result<HttpResponse, Problem>>;

/// A resource under construction. Make one with [`at`].
pub struct Resource {
    template: &'static str,
    is_own: bool,
    is_streamed: bool,
    shown: Shown,
    at_once: Option<AtOnce>,
    methods: Vec<(Method, Endpoint, Prepare)>,
}

/// The resource at the paths that fit this template: `/book/{namespace}`.
#[must_use]
pub fn at(template: &'static str) -> Resource {
    Resource {
        template,
        is_own: false,
        is_streamed: false,
        shown: Shown::default(),
        at_once: None,
        methods: Vec::new(),
    }
}

macro_rules! method {
    ($name:ident, $method:ident) => {
        #[doc = concat!("Adds the method `", stringify!($method), "`.")]
        #[must_use]
        pub fn $name<F, A>(self, handler: F) -> Self
        where
            F: Handler<A>,
            A: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.method(Method::$method, handler)
        }
    };
}

impl Resource {
    method!(post, POST);
    method!(put, PUT);
    method!(patch, PATCH);
    method!(delete, DELETE);

    /// Adds the methods `GET` and `HEAD`.
    #[must_use]
    pub fn get<F, A>(self, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.method(Method::GET, handler.clone())
            .method(Method::HEAD, handler)
    }

    /// Makes it a resource of the service itself: it is there before the books are, and its answers have no version.
    #[must_use]
    fn own(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// Says that `GET` answers with an event stream where that is asked for.
    #[must_use]
    pub fn streamed(self) -> Self {
        Self {
            is_streamed: true,
            ..self
        }
    }

    /// Declares that its answers show books and no loans: a read from the API server asks for no loans.
    #[must_use]
    pub fn without_loans(self) -> Self {
        Self {
            shown: Shown::Books,
            ..self
        }
    }

    /// Has this answer a `GET` or `HEAD` that asks for no stream, and for nothing newer than what is there. Where it
    /// answers nothing, the handler does.
    #[must_use]
    pub fn at_once(self, answer: AtOnce) -> Self {
        Self {
            at_once: Some(answer),
            ..self
        }
    }

    fn method<F, A>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods
            .push((method, endpoint(handler.clone()), prepare(handler)));
        self
    }
}

fn endpoint<F, A>(handler: F) -> Endpoint
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Box::new(move |request, mut payload| {
        let handler = handler.clone();
        Box::pin(async move {
            match A::from_request(&request, &mut payload).await {
                Ok(arguments) => {
                    let answer = handler.call(arguments).await;
                    answer.respond_to(&request).map_into_boxed_body()
                }
                Err(error) => HttpResponse::from_error(error),
            }
        })
    })
}

fn prepare<F, A>(handler: F) -> Prepare
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Box::new(move |request, mut payload| {
        let handler = handler.clone();
        Box::pin(async move {
            let arguments = A::from_request(&request, &mut payload).await;
            let arguments = arguments.map_err(HttpResponse::from_error)?;
            let call = || {
                Box::pin(async move {
                    let answer = handler.call(arguments).await;
                    answer.respond_to(&request).map_into_boxed_body()
                }) as LocalBoxFuture<'static, HttpResponse>
            };
            Ok(Box::new(call) as Prepared)
        })
    })
}

/// The resources of an API.
#[derive(Default)]
pub struct Routes {
    resources: Vec<Resource>,
}

/// The resources that every API has: whether it answers, and its documentation.
#[must_use]
pub fn own() -> Routes {
    Routes::default()
        .service(at(HEALTH).get(health).own())
        .service(at(openapi::PATH).get(openapi::get).own())
        .service(at(docs::PATH).get(docs::page).own())
        .service(at(docs::FILES).get(docs::file).own())
}

impl Routes {
    /// Adds a resource.
    #[must_use]
    pub fn service(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// Every template of paths with each of its methods.
    pub fn operations(&self) -> impl Iterator<Item = (&'static str, &Method)> {
        self.resources.iter().flat_map(|resource| {
            let methods = resource.methods.iter();
            methods.map(|(method, ..)| (resource.template, method))
        })
    }
}

/// The finished table.
pub(crate) struct Table {
    paths: matchit::Router<Vec<Rc<Route>>>,
}

/// One method of a resource.
pub(crate) struct Route {
    method: Method,
    pub(crate) endpoint: Endpoint,
    pub(crate) prepare: Prepare,
    pub(crate) at_once: Option<AtOnce>,
    pub(crate) metrics: RouteMetrics,
    /// Whether it is of the service itself: there before the books are, and without a version.
    pub(crate) is_own: bool,
    /// Whether it answers with an event stream where that is asked for.
    pub(crate) is_streamed: bool,
    /// The resources that its answers show.
    pub(crate) shown: Shown,
}

impl Table {
    /// # Panics
    ///
    /// When two resources have the same paths: a mistake in the table.
    pub(crate) fn new(routes: Routes, metrics: &HttpMetrics) -> Self {
        let mut paths = matchit::Router::new();
        for Resource {
            template,
            is_own,
            is_streamed,
            shown,
            at_once,
            methods,
        } in routes.resources
        {
            let route = |(method, endpoint, prepare): (Method, Endpoint, Prepare)| {
                Rc::new(Route {
                    metrics: metrics.route(&method, template),
                    is_streamed: is_streamed && method.is_safe(),
                    at_once: at_once.filter(|_| method.is_safe()),
                    method,
                    endpoint,
                    prepare,
                    is_own,
                    shown,
                })
            };
            let added = paths.insert(template, methods.into_iter().map(route).collect());
            assert!(added.is_ok(), "{template}: {added:?}");
        }
        Self { paths }
    }

    /// The route for a method and a path.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<&Rc<Route>> {
        let routes = self.paths.at(path).ok()?.value;
        routes.iter().find(|route| route.method == *method)
    }

    /// Why there is no route for a path, or none for the method that it was asked for with.
    pub(crate) fn refusal(&self, path: &str) -> Problem {
        let Ok(found) = self.paths.at(path) else {
            return Problem::new(Code::NotFound, "not found: the route does not exist");
        };
        let allow = found.value.iter().map(|route| route.method.as_str());
        Problem::method_not_allowed(allow.collect::<Vec<_>>().join(", "))
    }
}

/// The path of [`health`].
pub const HEALTH: &str = "/health";

/// The API answers
///
/// Whether it is ready, and how it is, the operations port tells: `/readyz`, `/metrics`.
#[utoipa::path(
    get,
    path = "/health",
    tag = openapi::OWN,
    responses((status = 200, description = "It does", body = Health))
)]
pub async fn health() -> HttpResponse {
    answer::json(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#))
}

/// That the API answers.
#[derive(ToSchema)]
#[schema(example = json!({"status": "ok"}))]
#[expect(dead_code, reason = "the answer is written out")]
struct Health {
    /// Always `ok`.
    #[schema(pattern = "^ok$")]
    status: &'static str,
}
