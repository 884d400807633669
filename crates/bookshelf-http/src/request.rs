//! The lifecycle of every request: an id, a line in the log, metrics, and errors in one format.

mod abandoned;
mod errors;

use std::future::{Ready, ready};
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use bookshelf_store::access::User;
use bookshelf_store::repository::{Tenant, acting};
use futures::future::{Either, LocalBoxFuture};
use tracing::{Instrument as _, Span};

use crate::auth::{Attributes, Auth, Granted, Refused, Standing, check_names};
use crate::connection::Connection;
use crate::extract::{Request, TenantId};
use crate::freshness::{self, Freshness, FreshnessGuard};
use crate::grant::Grant;
use crate::metrics::HttpMetrics;
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::request_id::{REQUEST_ID, RequestId, request_id};
use crate::route::{Endpoint, Extract, Handler, Read, Reply, Table};
use crate::{protocol, request_id, stream, trace};
use errors::as_problem;

/// The parts of an API that its requests use. Each thread has one.
pub(crate) struct ApiContext {
    pub(crate) auth: Arc<Auth>,
    pub(crate) table: Table,
    pub(crate) metrics: HttpMetrics,
    pub(crate) freshness: FreshnessGuard,
    pub(crate) readiness: Arc<Readiness>,
}

/// The future of a response, which is ready at once for most reads.
pub(crate) type AnswerFuture = Either<Ready<Answered>, LocalBoxFuture<'static, Answered>>;

type Answered = Result<ServiceResponse, Error>;

/// Answers a request by the route table. The request gets an id, is logged and counted; every error becomes a problem
/// document.
///
/// The id is on every log line of the request, in the response, and in every error. Successful reads are logged at
/// debug, everything else at info.
pub(crate) fn answer(request: ServiceRequest, api: &Rc<ApiContext>) -> AnswerFuture {
    let (request, payload) = request.into_parts();
    let mut exchange = Exchange::begin(request, Rc::clone(api));
    if let Some(outcome) = exchange.authorize_now() {
        return match exchange.dispatch(outcome) {
            Dispatch::Done(response) => Either::Left(ready(Ok(exchange.end(response, Freshness::default())))),
            Dispatch::Run(task) => Either::Right(Box::pin(run(exchange, task, payload))),
        };
    }
    Either::Right(Box::pin(async move {
        let outcome = exchange.authorize().instrument(exchange.span.clone()).await;
        match exchange.dispatch(outcome) {
            Dispatch::Done(response) => Ok(exchange.end(response, Freshness::default())),
            Dispatch::Run(task) => run(exchange, task, payload).await,
        }
    }))
}

async fn run(mut exchange: Exchange, task: Task, payload: Payload) -> Answered {
    let span = exchange.span.clone();
    let (response, freshness) = exchange.run(task, payload).instrument(span).await;
    Ok(exchange.end(response, freshness))
}

/// A request that is being answered.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Exchange {
    api: Rc<ApiContext>,
    request: Request,
    id: HeaderValue,
    /// `None` if the route table has no such path or method.
    endpoint: Option<Rc<Endpoint>>,
    is_synced: bool,
    /// True if the request prefers an event stream and the route has one. Nothing else decides this.
    is_stream: bool,
    /// The user of the token, also for a refused request.
    user: Option<Arc<User>>,
    /// False if the caller is refused or unknown: then the answer says nothing about books.
    has_version: bool,
    span: Span,
    started: Instant,
    /// An exchange that is dropped without an answer has lost its client.
    is_answered: bool,
}

/// The choice between an answer from memory and a task that waits.
enum Dispatch {
    /// The answer is ready.
    Done(HttpResponse),
    /// A task produces the answer.
    Run(Task),
}

/// The remaining work for an answer that is not in memory.
enum Task {
    /// A read handler needs more than the cache has.
    Finish(LocalBoxFuture<'static, Result<HttpResponse, Problem>>),
    /// A read handler runs once the cache has this freshness.
    Read(Rc<Read>, Freshness),
    /// A change handler runs once the cache has this freshness.
    Change(Rc<Extract>, Freshness),
}

impl Exchange {
    fn begin(request: HttpRequest, api: Rc<ApiContext>) -> Self {
        let started = Instant::now();
        let method = request.method();
        let id = request_id(&request);
        let (endpoint, parameters) = api.table.find(method, request.match_info().as_str());
        let endpoint = endpoint.cloned();
        let has_stream = endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.stream.is_some());
        let is_stream = has_stream && stream::is_preferred(&request);
        if let Some(connection) = request.conn_data::<Connection>() {
            // A stream marks the connection when it begins.
            connection.note_request();
        }
        if is_stream {
            request.extensions_mut().insert(RequestId(id.clone()));
        }
        // A successful read logs nothing at info, so it does not pay for a span either.
        let span = if method.is_safe() && !trace::is_on() && !is_stream {
            Span::none()
        } else {
            request_id::span(&id)
        };
        let template = endpoint.as_ref().map(|endpoint| endpoint.metrics.template());
        trace::begin(&span, &request, template);
        Self {
            is_synced: api.readiness.is_synced(),
            api,
            request: Request::new(request, parameters),
            id,
            endpoint,
            is_stream,
            user: None,
            has_version: true,
            span,
            started,
            is_answered: false,
        }
    }

    /// Authorizes the request, if that needs no review.
    fn authorize_now(&self) -> Option<Result<Granted, Refused>> {
        self.span
            .in_scope(|| self.api.auth.authorize_now(self.attributes()))
    }

    /// Authorizes the request.
    async fn authorize(&self) -> Result<Granted, Refused> {
        self.api.auth.authorize(self.attributes()).await
    }

    fn attributes(&self) -> Attributes<'_> {
        Attributes {
            request: &self.request,
            endpoint: self.endpoint.as_ref(),
            is_stream: self.is_stream,
            table: &self.api.table,
        }
    }

    /// Checks a request after its authorization, and answers it at once if it is refused or the answer is in memory.
    fn dispatch(&mut self, outcome: Result<Granted, Refused>) -> Dispatch {
        let dispatch = self.grant(outcome).and_then(|endpoint| {
            let dispatch = self.dispatch_granted(&endpoint);
            // Invalid names take precedence. They are checked here only on a refusal, since handlers check them anyway.
            dispatch.map_err(|problem| {
                let named = check_names(&self.request, &endpoint, self.request.user());
                named.err().unwrap_or(problem)
            })
        });
        dispatch.unwrap_or_else(|problem| Dispatch::Done(HttpResponse::from_error(problem)))
    }

    /// Records the outcome of an authorization, and returns the endpoint whose handler may run.
    fn grant(&mut self, outcome: Result<Granted, Refused>) -> Result<Rc<Endpoint>, Problem> {
        match outcome {
            Ok(granted) => {
                let (endpoint, grant) = granted.into_parts();
                // Successful reads are not logged with their user.
                if !self.request.method().is_safe() {
                    self.user.clone_from(&grant.user);
                }
                self.request.set_grant(grant);
                Ok(endpoint)
            }
            Err(Refused { problem, user }) => {
                self.user = user;
                self.has_version = problem.is_request_fault();
                Err(*problem)
            }
        }
    }

    fn dispatch_granted(&self, endpoint: &Rc<Endpoint>) -> Result<Dispatch, Problem> {
        protocol::check_host(&self.request)?;
        let freshness = if endpoint.right.is_public() {
            Freshness::default()
        } else if self.is_synced {
            let guard = &self.api.freshness;
            guard.required(&self.request, self.is_stream, self.started)?
        } else {
            // Before the first sync, a book that is not in the cache may exist.
            return Err(Problem::unavailable("the books are not loaded yet"));
        };
        let read = match (&endpoint.handler, &endpoint.stream) {
            (Handler::Change(extract), _) => {
                check_names(&self.request, endpoint, self.request.user())?;
                protocol::check_encoding(&self.request)?;
                return Ok(Dispatch::Run(Task::Change(Rc::clone(extract), freshness)));
            }
            (Handler::Read(_), Some(stream)) if self.is_stream => {
                self.request.extensions_mut().insert(self.standing(endpoint));
                stream
            }
            (Handler::Read(read), _) => read,
        };
        if freshness.is_default() {
            return Ok(match self.span.in_scope(|| (read.call)(&self.request))? {
                Reply::Now(response) => Dispatch::Done(response),
                Reply::Later(answer) => Dispatch::Run(Task::Finish(answer)),
            });
        }
        // An invalid request does not wait.
        (read.check)(&self.request)?;
        Ok(Dispatch::Run(Task::Read(Rc::clone(read), freshness)))
    }

    /// Returns the right of a granted stream to go on.
    fn standing(&self, endpoint: &Rc<Endpoint>) -> Standing {
        let until = self.request.grant().and_then(|grant| grant.until);
        let (request, endpoint, api) = (self.request.clone(), Rc::clone(endpoint), Rc::clone(&self.api));
        Standing::new(until, move || {
            let (request, endpoint, api) = (request.clone(), Rc::clone(&endpoint), Rc::clone(&api));
            Box::pin(async move {
                let attributes = Attributes {
                    request: &request,
                    endpoint: Some(&endpoint),
                    is_stream: true,
                    table: &api.table,
                };
                api.auth.authorize(attributes).await
            })
        })
    }

    /// Removes the right of a stream that did not begin. It holds the request, which holds it: a reference cycle.
    fn forget_standing(&self) {
        if self.is_stream {
            self.request.extensions_mut().remove::<Standing>();
        }
    }

    /// Runs a task. Returns the answer and the freshness that the cache had for it.
    async fn run(&mut self, task: Task, payload: Payload) -> (HttpResponse, Freshness) {
        let ran = match task {
            Task::Finish(answer) => answer.await.map(|response| (response, Freshness::default())),
            Task::Read(read, freshness) => self.read(&read, freshness).await,
            Task::Change(extract, freshness) => self.change(&*extract, payload, freshness).await,
        };
        ran.unwrap_or_else(|problem| (HttpResponse::from_error(problem), Freshness::default()))
    }

    async fn read(
        &mut self,
        read: &Read,
        freshness: Freshness,
    ) -> Result<(HttpResponse, Freshness), Problem> {
        let freshness = self.ensure(freshness).await?;
        // By now the cache may have namespaces without a decision.
        if self.request.grant().is_some_and(Grant::depends_on_cache) {
            let outcome = self.authorize().await;
            self.grant(outcome)?;
        }
        let response = match (read.call)(&self.request) {
            Ok(Reply::Now(response)) => Ok(response),
            Ok(Reply::Later(answer)) => answer.await,
            Err(problem) => Err(problem),
        };
        Ok((response.unwrap_or_else(HttpResponse::from_error), freshness))
    }

    async fn change(
        &self,
        extract: &Extract,
        payload: Payload,
        freshness: Freshness,
    ) -> Result<(HttpResponse, Freshness), Problem> {
        let request = HttpRequest::clone(&self.request);
        self.request.share();
        let call = match extract(request, payload).await {
            Ok(call) => call,
            Err(refusal) => return Ok((refusal, Freshness::default())),
        };
        if freshness.is_default() {
            return Ok((acting(self.user.clone(), call()).await, freshness));
        }
        // Boxed, so that the futures of other changes are smaller.
        let freshness = Box::pin(self.ensure(freshness)).await?;
        Ok((acting(self.user.clone(), call()).await, freshness))
    }

    /// Waits until the cache has this freshness.
    async fn ensure(&self, freshness: Freshness) -> Result<Freshness, Problem> {
        let served = self
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.served)
            .unwrap_or_default();
        let guard = &self.api.freshness;
        guard
            .ensure(&self.request, self.is_stream, served, freshness)
            .await
    }

    fn end(mut self, response: HttpResponse, freshness: Freshness) -> ServiceResponse {
        self.is_answered = true;
        let method = self.request.method();
        let status = response.status();
        trace::end(&self.span, status);
        let is_quiet = method.is_safe() && (status.is_success() || status == StatusCode::NOT_MODIFIED);
        let mut response = if is_quiet && !tracing::enabled!(tracing::Level::DEBUG) {
            response
        } else {
            let of_error = self.span.is_none().then(|| request_id::span(&self.id));
            of_error.as_ref().unwrap_or(&self.span).in_scope(|| {
                let response = as_problem(response, &self.id);
                self.log(response.status(), is_quiet);
                response
            })
        };
        let took = self.started.elapsed();
        self.count(response.status(), took);
        // Answers of the service itself depend on no book.
        let is_public = self
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.right.is_public());
        if !self.has_version {
            freshness::add_private(response.headers_mut());
        } else if self.is_synced && !is_public {
            let now = self.started + took;
            let headers = response.headers_mut();
            self.api
                .freshness
                .add_headers(&self.request, headers, freshness, self.started, now);
        }
        protocol::close_where_it_ends(&self.request, &mut response, self.api.readiness.is_draining());
        // A clone would take an allocation.
        let id = mem::replace(&mut self.id, HeaderValue::from_static(""));
        response.headers_mut().insert(REQUEST_ID, id);
        ServiceResponse::new(HttpRequest::clone(&self.request), response)
    }

    fn log(&self, status: StatusCode, is_quiet: bool) {
        let (method, path) = (self.request.method(), self.request.path());
        let (status, microseconds) = (status.as_u16(), microseconds(self.started.elapsed()));
        if is_quiet {
            tracing::debug!(%method, path, status, microseconds, "request");
            return;
        }
        let user = self.user.as_ref().map(|user| user.name.as_str());
        let is_of_tenant = self
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.right.is_of_tenant());
        let has_tenant = is_of_tenant && (user.is_some() || self.request.grant().is_some());
        let tenant = has_tenant.then(|| TenantId::named_by(&self.request, self.user.as_deref()).ok());
        // An invalid name could be anything.
        let tenant = tenant.flatten().filter(|tenant| Tenant::parse(tenant).is_ok());
        let tenant = tenant.as_deref();
        tracing::info!(%method, path, status, microseconds, user, tenant, "request");
    }

    fn count(&self, status: StatusCode, took: Duration) {
        match &self.endpoint {
            Some(endpoint) => endpoint.metrics.answered(status, took),
            None => self.api.metrics.unrouted(self.request.method(), status, took),
        }
    }
}

fn microseconds(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
