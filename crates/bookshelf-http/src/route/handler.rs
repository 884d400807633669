//! Handlers with type-erased arguments.

use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, Handler as ActixHandler, HttpRequest, HttpResponse, Responder};
use futures::future::LocalBoxFuture;

use crate::extract::{FromHead, Request};
use crate::problem::Problem;

/// The reply of a read handler.
pub enum Reply {
    /// An answer from memory, without a future.
    Now(HttpResponse),
    /// An answer that waits for something: a live read, or the beginning of a stream.
    Later(LocalBoxFuture<'static, Result<HttpResponse, Problem>>),
}

impl Reply {
    /// Boxes a future answer.
    pub fn later(answer: impl Future<Output = Result<HttpResponse, Problem>> + 'static) -> Self {
        Self::Later(Box::pin(answer))
    }
}

impl From<HttpResponse> for Reply {
    fn from(response: HttpResponse) -> Self {
        Self::Now(response)
    }
}

/// A read handler: a function of a request and of [`FromHead`] arguments. It runs once the cache has the freshness that
/// the request requires, for most requests at once.
pub trait ReadHandler<A>: 'static {
    /// Returns the problem of invalid arguments.
    fn check(&self, request: &Request) -> Result<(), Problem>;

    /// Answers a request.
    fn call(&self, request: &Request) -> Result<Reply, Problem>;
}

impl<F: Fn(&Request) -> Result<Reply, Problem> + 'static> ReadHandler<()> for F {
    fn check(&self, _: &Request) -> Result<(), Problem> {
        Ok(())
    }

    fn call(&self, request: &Request) -> Result<Reply, Problem> {
        self(request)
    }
}

impl<F: Fn(&Request, &A) -> Result<Reply, Problem> + 'static, A: FromHead> ReadHandler<(A,)> for F {
    fn check(&self, request: &Request) -> Result<(), Problem> {
        A::from_head(request).map(drop)
    }

    fn call(&self, request: &Request) -> Result<Reply, Problem> {
        self(request, &A::from_head(request)?)
    }
}

impl<F, A, B> ReadHandler<(A, B)> for F
where
    F: Fn(&Request, &A, &B) -> Result<Reply, Problem> + 'static,
    A: FromHead,
    B: FromHead,
{
    fn check(&self, request: &Request) -> Result<(), Problem> {
        A::from_head(request)?;
        B::from_head(request).map(drop)
    }

    fn call(&self, request: &Request) -> Result<Reply, Problem> {
        self(request, &A::from_head(request)?, &B::from_head(request)?)
    }
}

impl<F, A, B, C> ReadHandler<(A, B, C)> for F
where
    F: Fn(&Request, &A, &B, &C) -> Result<Reply, Problem> + 'static,
    A: FromHead,
    B: FromHead,
    C: FromHead,
{
    fn check(&self, request: &Request) -> Result<(), Problem> {
        A::from_head(request)?;
        B::from_head(request)?;
        C::from_head(request).map(drop)
    }

    fn call(&self, request: &Request) -> Result<Reply, Problem> {
        self(
            request,
            &A::from_head(request)?,
            &B::from_head(request)?,
            &C::from_head(request)?,
        )
    }
}

/// A handler of an endpoint.
#[derive(Clone)]
pub(crate) enum Handler {
    /// A handler of `GET` and `HEAD`.
    Read(Rc<Read>),
    /// A handler of other methods.
    Change(Rc<Extract>),
}

/// A type-erased [`ReadHandler`].
pub(crate) struct Read {
    pub(crate) check: Box<Check>,
    pub(crate) call: Box<ReadCall>,
}

type Check = dyn Fn(&Request) -> Result<(), Problem>;
type ReadCall = dyn Fn(&Request) -> Result<Reply, Problem>;

impl Read {
    pub(super) fn new<A>(handler: impl ReadHandler<A>) -> Self {
        let handler = Rc::new(handler);
        let checked = Rc::clone(&handler);
        Self {
            check: Box::new(move |request| checked.check(request)),
            call: Box::new(move |request| handler.call(request)),
        }
    }
}

/// Takes the arguments of a change handler from a request. Returns the call, or the refusal of an invalid request.
pub(crate) type Extract = dyn Fn(HttpRequest, Payload) -> LocalBoxFuture<'static, Result<Call, HttpResponse>>;

/// A handler with its arguments.
pub(crate) type Call = Box<dyn FnOnce() -> LocalBoxFuture<'static, HttpResponse>>;

pub(super) fn extract<F, A>(handler: F) -> Box<Extract>
where
    F: ActixHandler<A>,
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
            Ok(Box::new(call) as Call)
        })
    })
}
