//! An in-process API for tests, over a repository that the test feeds by hand: no API server, no port, no token.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::HOST;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use bookshelf_store::repository::Options;
use clap::Parser;
use prometheus_client::registry::Registry;
use serde_json::Value;

use crate::api::Api;
use crate::args::AuthMode;
use crate::auth::{Auth, HeaderMode};
use crate::serve::service::Service;
use crate::{ApiArgs, Repository};

/// An API in header mode, with the defaults of its flags.
pub struct InProcess {
    service: Service,
}

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    api: ApiArgs,
}

impl InProcess {
    /// Creates the API. It becomes ready once [`InProcess::repository`] has a list of books and a list of loans.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn new(api: Api) -> Self {
        let Defaults { api: args } = Defaults::parse_from([api.name]);
        let repository = Repository::fed_by_hand(api.view, Options::default());
        let auth = Arc::new(Auth::Header(HeaderMode::new(Vec::new())));
        let service = Service::new(
            api,
            (auth, AuthMode::Header),
            Data::new(repository),
            None,
            &args.serve,
            &mut Registry::default(),
        );
        Self { service }
    }

    /// Returns the repository, for the test to feed.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.service.repository
    }

    /// Answers a request from this machine.
    pub async fn send(&self, request: TestRequest) -> ServiceResponse<BoxBody> {
        let request = request
            .peer_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
            .insert_header((HOST, "localhost"));
        let app = init_service(self.service.app()).await;
        call_service(&app, request.to_request()).await
    }

    /// Answers a GET. Returns the status and the JSON of the body, which is null if there is none.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let request = TestRequest::with_uri(path).method(Method::GET);
        let response = self.send(request).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body()).await.unwrap_or_default();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}
