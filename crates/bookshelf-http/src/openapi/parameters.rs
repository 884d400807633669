//! What handlers take from a request beside its body, as parameters of their operations.

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
            "Which tenant asks, given once. It is believed: the API belongs behind a gateway that checks it.";
        header("X-TENANT-ID", Required::True, fields::tenant(), description)
    }
}

impl IntoParams for Preconditions {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let wanted = "The entity tags of versions, as the admin API gave them: the write happens to one of these, or is \
                      answered with 412 (RFC 9110, section 13.1.1).";
        let unwanted = "The entity tags of versions: where what is there is one of these, or is there at all for `*`, the \
                        write is answered with 412 (RFC 9110, section 13.1.2).";
        [("If-Match", wanted), ("If-None-Match", unwanted)]
            .into_iter()
            .flat_map(|(name, description)| header(name, Required::False, fields::condition(), description))
            .collect()
    }
}

impl IntoParams for Idempotency {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The same request again, with the same key, is answered as the first was, by any replica, for \
                           as long as what it made exists. With another body it is 422 `key_reused`; on another path it \
                           is another request. With another body while the first is under way it is 409 `in_progress`, \
                           where both have come to the same replica. On different replicas, two at the same moment that \
                           add books of different ids may both succeed.";
        let key = fields::idempotency_key();
        header("Idempotency-Key", Required::False, key, description)
    }
}

/// Where an event stream of books alone goes on, whose ids are of one version.
#[derive(Debug)]
pub struct LastEventId;

/// Where an event stream goes on that depends on books and on loans: its ids are of a version of each.
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
    let description = "With `Accept: text/event-stream`: the `id` of the last event that has arrived. The stream goes \
                       on after it, or tells `reset` and the whole list again where that is not possible.";
    header("Last-Event-ID", Required::False, any.build(), description)
}
