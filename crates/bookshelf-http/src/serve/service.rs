//! The service that answers the requests of an API: one for the process, with an actix-web app for each of its threads.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse, fn_service};
use actix_web::web::Data;
use actix_web::{App, Error};
use prometheus_client::registry::Registry;

use crate::api::Api;
use crate::args::{AuthMode, ServeArgs};
use crate::auth::Auth;
use crate::extract::MaxBody;
use crate::freshness::FreshnessGuard;
use crate::list::Lists;
use crate::metrics::{HttpMetrics, StreamMetrics};
use crate::openapi::Description;
use crate::readiness::Readiness;
use crate::route::Table;
use crate::stream::Streams;
use crate::ui::Ui;
use crate::{Repository, request};

/// The parts of an API that its threads share.
#[derive(Clone)]
pub(crate) struct Service {
    api: Api,
    auth: Arc<Auth>,
    metrics: HttpMetrics,
    max_staleness: Option<Duration>,
    pub(crate) repository: Data<Repository>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) streams: Data<Streams>,
    lists: Data<Lists>,
    description: Data<Description>,
    ui: Data<Ui>,
    max_body: Data<MaxBody>,
}

impl Service {
    /// Creates the service of an API over a repository, and registers its metrics.
    pub(crate) fn new(
        api: Api,
        (auth, auth_mode): (Arc<Auth>, AuthMode),
        repository: Data<Repository>,
        max_staleness: Option<Duration>,
        args: &ServeArgs,
        registry: &mut Registry,
    ) -> Self {
        let metrics = HttpMetrics::default();
        metrics.register(registry);
        let stream_metrics = StreamMetrics::default();
        stream_metrics.register(registry);
        let ui = if args.ui { Ui::new(api.page) } else { Ui::default() };
        Self {
            api,
            auth,
            metrics,
            max_staleness,
            readiness: Arc::new(Readiness::new(Arc::clone(&repository))),
            repository,
            streams: Data::new(Streams::new(stream_metrics)),
            lists: Data::new(Lists::default()),
            description: Data::new(Description::new(api.openapi, auth_mode)),
            ui: Data::new(ui),
            max_body: Data::new(MaxBody(args.max_body)),
        }
    }

    /// Returns the app of a thread, with its own [`request::ApiContext`].
    ///
    /// The app has no routes: one service answers every request by the [route table](crate::route), which explains why.
    pub(crate) fn app(
        &self,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + use<>,
    > {
        let api = Rc::new(request::ApiContext {
            auth: Arc::clone(&self.auth),
            table: Table::new((self.api.routes)(), &self.metrics),
            metrics: self.metrics.clone(),
            freshness: FreshnessGuard::new(Arc::clone(&self.repository), self.max_staleness),
            readiness: Arc::clone(&self.readiness),
        });
        App::new()
            .app_data(self.repository.clone())
            .app_data(self.lists.clone())
            .app_data(self.description.clone())
            .app_data(self.ui.clone())
            .app_data(self.max_body.clone())
            .app_data(self.streams.clone())
            .default_service(fn_service(move |request| request::answer(request, &api)))
    }
}
