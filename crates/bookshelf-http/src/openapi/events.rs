//! Event streams, as the document shows them.

use serde_json::Value;
use utoipa::ToSchema;

/// Server-sent events ([HTML, section 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html)), each with a
/// name, an `id` and one line of `data`. First `created` for every member of the list, then `synced`: that was all. From
/// then on `created`, `updated` and `deleted`, as it happens; to come to match the filters is `created`, and to match them
/// no longer `deleted`. Their data is the member as the list has it, of `deleted` the last that is known; that of `synced`
/// is `{}`. `reset`, with `{}`, says that all that was told before is void: the list follows anew, up to `synced`. It comes
/// where the stream cannot go on from `Last-Event-ID`.
///
/// What an event tells is so, whether or not it was told before: to take it in twice changes nothing, and `deleted` may be
/// of what the client never had. After a break, `Last-Event-ID` with the last `id` that came goes on, on any replica. Ids
/// are opaque. That of `reset` is never one to go on from, so that a list that breaks off in the middle begins again.
///
/// Comments, lines that begin with a colon, come every 15 seconds and say that the connection is alive.
#[derive(ToSchema)]
#[schema(value_type = String)]
#[expect(dead_code, reason = "streams are written event by event")]
pub struct EventStream(String);

/// A stream of these events, each a name, an id and what it is about; and a heartbeat.
#[must_use]
pub fn event_stream(events: &[(&str, &str, Value)]) -> String {
    let events = events
        .iter()
        .map(|(event, id, data)| format!("event: {event}\nid: {id}\ndata: {data}\n\n"));
    events.chain([":\n\n".to_owned()]).collect()
}
