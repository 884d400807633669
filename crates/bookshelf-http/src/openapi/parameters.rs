//! The arguments of handlers, as parameters of their operations.

use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::fields;
use crate::extract::{Idempotency, Preconditions, TenantId};

fn header(name: &str, required: Required, schema: Object, description: &str) -> Vec<Parameter> {
    let header = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .schema(Some(schema))
        .description(Some(description));
    vec![header.build()]
}

impl IntoParams for TenantId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description =
            "The tenant, given once. In token mode it may be left out: the user is then the tenant.";
        header("X-TENANT-ID", Required::True, fields::tenant(), description)
    }
}

impl IntoParams for Preconditions {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let wanted = "Entity tags of the admin API: the write changes one of these versions, or is answered with 412 (RFC \
                      9110, section 13.1.1).";
        let unwanted = "Entity tags of the admin API: if the current version is one of these, or exists at all for `*`, the \
                        write is answered with 412 (RFC 9110, section 13.1.2).";
        [("If-Match", wanted), ("If-None-Match", unwanted)]
            .into_iter()
            .flat_map(|(name, description)| header(name, Required::False, fields::condition(), description))
            .collect()
    }
}

impl IntoParams for Idempotency {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "A repeated request with the same key gets the first answer again, from any replica, for as long \
                           as the object that it made exists. With another body it is 422 `key_reused`, or 409 \
                           `in_progress` while the first is in flight on the same replica. On another path it is another \
                           request. Two simultaneous requests on different replicas that add books of different ids may \
                           both succeed.";
        let key = fields::idempotency_key();
        header("Idempotency-Key", Required::False, key, description)
    }
}

/// The `Last-Event-ID` of a stream that depends on books alone: its ids have one version.
#[derive(Debug)]
pub struct LastEventId;

/// The `Last-Event-ID` of a stream that depends on books and on loans: its ids have a version of each.
#[derive(Debug)]
pub struct LastEventIdOfBoth;

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        last_event_id("243")
    }
}

impl IntoParams for LastEventIdOfBoth {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        last_event_id("231.243")
    }
}

fn last_event_id(example: &str) -> Vec<Parameter> {
    let any = ObjectBuilder::new().schema_type(Type::String).examples([example]);
    let description = "With `Accept: text/event-stream`: the `id` of the last event that has arrived. The stream \
                       resumes after it, or sends `reset` and the whole list if that is not possible.";
    header("Last-Event-ID", Required::False, any.build(), description)
}
