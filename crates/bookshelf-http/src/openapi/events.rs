//! Event streams in the OpenAPI document.

use serde_json::Value;
use utoipa::ToSchema;

/// Server-sent events ([HTML, section 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html)), each with
/// a name, an `id` and one line of `data`. The stream begins with `created` for every member of the list, then
/// `synced`. After that, `created`, `updated` and `deleted` report changes as they happen; a member that begins to
/// match the filters is `created`, and one that no longer matches is `deleted`. Their data is the member as in the
/// list, for `deleted` as last known, and `{}` for `synced`. `reset`, with `{}`, voids all earlier events: the list
/// follows again, up to `synced`. It is sent if the stream cannot resume from `Last-Event-ID`.
///
/// Events may repeat: applying one twice changes nothing, and `deleted` may name a member that the client never had.
/// After a disconnect, send the last `id` as `Last-Event-ID` to resume, on any replica. Ids are opaque. A stream never
/// resumes from the id of `reset`, so an interrupted list begins again.
///
/// A comment (a line that begins with a colon) is sent every 15 seconds to show that the connection is alive.
#[derive(ToSchema)]
#[schema(value_type = String)]
#[expect(dead_code, reason = "streams are written event by event")]
pub struct EventStream(String);

/// Returns the text of a stream of these events (name, id and data), followed by a heartbeat.
#[must_use]
pub fn event_stream(events: &[(&str, &str, Value)]) -> String {
    let events = events
        .iter()
        .map(|(event, id, data)| format!("event: {event}\nid: {id}\ndata: {data}\n\n"));
    events.chain([":\n\n".to_owned()]).collect()
}
