//! The operations port: `/livez`, `/readyz`, `/healthz`, in the format of the API server, and `/metrics`.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse};
use prometheus_client::registry::Registry;

use crate::connection::Connection;
use crate::protocol;
use crate::readiness::Readiness;

/// Registers the routes of the operations port.
pub(crate) fn configure(config: &mut ServiceConfig, readiness: &Arc<Readiness>, registry: &Arc<Registry>) {
    config
        .app_data(web::Data::from(Arc::clone(readiness)))
        .app_data(web::Data::from(Arc::clone(registry)))
        .route("/metrics", web::get().to(metrics))
        .route("/livez", web::get().to(livez))
        .route("/readyz", web::get().to(readyz))
        .route("/healthz", web::get().to(readyz));
}

/// Answers a request by `service`, and applies the rules of HTTP that hold for every request.
pub(crate) fn apply_http_rules<S, B>(
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.note_request();
    }
    let answer = match protocol::check_host(request.request()) {
        Ok(()) => Ok(service.call(request)),
        Err(problem) => {
            let refused = HttpResponse::BadRequest().body(problem.to_string());
            Err(request.into_response(refused))
        }
    };
    async move {
        let mut answer = match answer {
            Ok(answer) => answer.await?.map_into_boxed_body(),
            Err(refused) => refused,
        };
        let request = answer.request().clone();
        // Load balancers probe until the end.
        protocol::close_where_it_ends(&request, answer.response_mut(), false);
        Ok(answer)
    }
}

/// Answers that the process is alive. The API server is not checked: a restart would not bring it back.
async fn livez() -> &'static str {
    "ok"
}

/// Answers with the readiness: the first sync is done, and the process is not shutting down. The API server is not
/// checked: without it reads still work, and all replicas would become unready at once.
async fn readyz(request: HttpRequest, readiness: web::Data<Readiness>) -> HttpResponse {
    let checks = [
        ("cache-sync", readiness.is_synced()),
        ("not-draining", !readiness.is_draining()),
    ];
    let is_ready = checks.iter().all(|(_, passes)| *passes);
    let is_verbose = request
        .query_string()
        .split('&')
        .any(|part| part == "verbose" || part.starts_with("verbose="));
    let body = if is_ready && !is_verbose {
        "ok".to_owned()
    } else {
        let lines = checks.map(|(check, passes)| {
            format!(
                "[{}]{check} {}\n",
                if passes { '+' } else { '-' },
                if passes { "ok" } else { "failed" }
            )
        });
        format!(
            "{}readyz check {}\n",
            lines.concat(),
            if is_ready { "passed" } else { "failed" }
        )
    };
    let mut response = if is_ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.content_type("text/plain; charset=utf-8").body(body)
}

/// Answers with all metrics, in the text format of
/// [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/).
async fn metrics(registry: web::Data<Registry>) -> HttpResponse {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(text)
}
