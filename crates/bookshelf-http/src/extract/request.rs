//! Requests with their path parameters, and the arguments of read handlers.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use bookshelf_store::access::User;
use bookshelf_store::repository::{BookKey, Namespace, Namespaces, Scope};

use crate::Repository;
use crate::grant::{Grant, Visible};
use crate::problem::{Code, Problem};

/// A request with its path parameters. Clones share the actix-web request.
#[derive(Clone, Debug)]
pub struct Request {
    http: HttpRequest,
    parameters: PathParameters,
    /// The permission to answer the request; `None` until it is granted.
    grant: Option<Grant>,
}

/// The places of the parameters that the router found in a path; `None` for parameters that the template does not have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PathParameters {
    namespace: Option<ParameterRange>,
    id: Option<ParameterRange>,
    file: Option<ParameterRange>,
}

/// The byte range of a parameter in a path.
#[derive(Clone, Copy, Debug)]
struct ParameterRange {
    begin: usize,
    end: usize,
}

impl PathParameters {
    /// The names that parameters may have.
    pub(crate) const NAMES: [&str; 3] = ["namespace", "id", "file"];

    /// Converts the parameters that the router found in this path.
    pub(crate) fn new(path: &str, matched: &matchit::Params<'_, '_>) -> Self {
        let place = |name| {
            let value = matched.get(name)?;
            let begin = value.as_ptr().addr() - path.as_ptr().addr();
            let end = begin + value.len();
            Some(ParameterRange { begin, end })
        };
        let [namespace, id, file] = Self::NAMES;
        Self {
            namespace: place(namespace),
            id: place(id),
            file: place(file),
        }
    }
}

impl Request {
    /// Creates a request that is not granted yet.
    pub(crate) fn new(http: HttpRequest, parameters: PathParameters) -> Self {
        Self {
            http,
            parameters,
            grant: None,
        }
    }

    /// Converts a request of actix-web, with the parameters and grant that [`Request::share`] has stored.
    pub(crate) fn of(http: &HttpRequest) -> Self {
        let extensions = http.extensions();
        let (parameters, grant) = extensions
            .get::<(PathParameters, Option<Grant>)>()
            .cloned()
            .unwrap_or_default();
        Self {
            http: http.clone(),
            parameters,
            grant,
        }
    }

    /// Stores parameters and grant in the extensions, where the extractors of change handlers find them.
    pub(crate) fn share(&self) {
        let mut extensions = self.http.extensions_mut();
        extensions.insert((self.parameters, self.grant.clone()));
    }

    /// Sets the permission to answer the request.
    pub(crate) fn set_grant(&mut self, grant: Grant) {
        self.grant = Some(grant);
    }

    /// Returns the permission to answer the request, if it has been granted.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }

    /// Returns the user, in token mode.
    pub(crate) fn user(&self) -> Option<&User> {
        self.grant.as_ref()?.user.as_deref()
    }

    /// Returns the name of the user, in token mode.
    #[must_use]
    pub fn user_name(&self) -> Option<&str> {
        self.user().map(|user| user.name.as_str())
    }

    /// Returns the path, decoded.
    pub(crate) fn decoded_path(&self) -> &str {
        self.http.match_info().as_str()
    }

    fn parameter(&self, place: Option<ParameterRange>) -> Option<&str> {
        let ParameterRange { begin, end } = place?;
        self.decoded_path().get(begin..end)
    }

    /// Returns the namespace in the path, unchecked; `None` if the route has none.
    pub(crate) fn raw_namespace(&self) -> Option<&str> {
        self.parameter(self.parameters.namespace)
    }

    /// Returns the name of a file in the path.
    pub(crate) fn file(&self) -> &str {
        self.parameter(self.parameters.file).unwrap_or_default()
    }

    /// Returns the namespace in the path.
    pub fn namespace(&self) -> Result<Namespace<'_>, Problem> {
        Ok(Namespace::parse(self.raw_namespace().unwrap_or_default())?)
    }

    /// Returns the namespaces of a list: the one in the path or, if the route is for all namespaces, those that the
    /// caller may see.
    pub fn namespaces(&self) -> Result<Namespaces<'_>, Problem> {
        if let Some(namespace) = self.raw_namespace() {
            return Ok(Namespaces::One(Namespace::parse(namespace)?));
        }
        Ok(match self.grant.as_ref().map(|grant| &grant.visible) {
            Some(Visible::All) => Namespaces::All,
            Some(Visible::Only(namespaces)) => Namespaces::Only(namespaces),
            None => Namespaces::Only(&[]),
        })
    }

    /// Returns namespace and id of the book in the path.
    pub fn book_key(&self) -> Result<BookKey<'_>, Problem> {
        let (namespace, id) = self.raw_book_key();
        Ok(BookKey::parse(namespace, id)?)
    }

    /// Returns namespace and id of the book in the path, unchecked.
    #[must_use]
    pub fn raw_book_key(&self) -> (&str, &str) {
        let id = self.parameter(self.parameters.id);
        (self.raw_namespace().unwrap_or_default(), id.unwrap_or_default())
    }

    /// Returns the scope of the request's freshness.
    pub(crate) fn scope(&self) -> Result<Scope<'_>, Problem> {
        Ok(match (self.parameters.namespace, self.parameters.id) {
            (None, _) => Scope::All,
            (Some(_), None) => Scope::Namespace(self.namespace()?),
            (Some(_), Some(_)) => Scope::Book(self.book_key()?),
        })
    }

    /// Returns the repository.
    pub fn repository(&self) -> Result<&Data<Repository>, Problem> {
        self.data()
    }

    /// Returns app data. The app always has the types that handlers need.
    pub(crate) fn data<T: 'static>(&self) -> Result<&Data<T>, Problem> {
        let data = self.http.app_data();
        data.ok_or_else(|| Problem::new(Code::Internal, "internal error"))
    }
}

impl Deref for Request {
    type Target = HttpRequest;

    fn deref(&self) -> &HttpRequest {
        &self.http
    }
}

impl FromRequest for Request {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// An argument of a read handler, taken from the head of a request without waiting.
pub trait FromHead: Sized {
    /// Takes the argument, or returns a problem that names the invalid field.
    fn from_head(request: &Request) -> Result<Self, Problem>;
}
