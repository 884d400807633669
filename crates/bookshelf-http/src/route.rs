//! A resource and its methods: `HEAD` works where `GET` does, and any other method is a 405 that lists those
//! there are ([RFC 9110, section 15.5.6](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6)).

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, guard, web};

use crate::answer;
use crate::problem::{Code, Problem};

/// A resource under construction. Make one with [`at`].
pub struct Methods {
    resource: Resource,
    allow: Vec<Method>,
}

/// The resource at a path.
#[must_use]
pub fn at(path: &str) -> Methods {
    Methods {
        resource: web::resource(path),
        allow: Vec::new(),
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

impl Methods {
    method!(post, POST);
    method!(put, PUT);
    method!(patch, PATCH);
    method!(delete, DELETE);

    /// Adds the methods `GET` and `HEAD`.
    #[must_use]
    pub fn get<F, A>(mut self, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let is_get = guard::Any(guard::Get()).or(guard::Head());
        self.resource = self.resource.route(web::route().guard(is_get).to(handler));
        self.allow.extend([Method::GET, Method::HEAD]);
        self
    }

    fn method<F, A>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<A>,
        A: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::method(method.clone()).to(handler));
        self.allow.push(method);
        self
    }

    /// The finished resource.
    pub fn build(self) -> impl HttpServiceFactory + 'static {
        let allow = self
            .allow
            .iter()
            .map(Method::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let refuse = move || {
            let problem = Problem::method_not_allowed(allow.clone());
            async move { Err::<&'static str, _>(problem) }
        };
        self.resource.default_service(web::to(refuse))
    }
}

/// The path of [`health`].
pub const HEALTH: &str = "/health";

/// `GET /health`: the API answers. Whether it is ready is the operations port's business.
#[expect(clippy::unused_async, reason = "handlers are")]
pub async fn health() -> HttpResponse {
    answer::json(&mut HttpResponse::Ok(), r#"{"status":"ok"}"#)
}

/// The answer where there is no route.
pub async fn not_found() -> Result<&'static str, Problem> {
    Err(Problem::new(Code::NotFound, "no such route"))
}
