//! Writes Events to the API server, like [`kube::runtime::events::Recorder`], but with names that the API server
//! accepts.
//!
//! The recorder of kube-rs names an event after its object, and the API server refuses the event if that makes its name
//! too long. Here such an event has a random name, as in client-go (`GenerateEventName`).

use std::collections::HashMap;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event as Object, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::events::{Event, EventType, Reporter};
use kube::{Api, Client, ResourceExt as _};
use uuid::Uuid;

/// The time since the last occurrence of an event within which a repetition continues its series, as in client-go.
const SERIES_LASTS: SignedDuration = SignedDuration::from_mins(6);
/// The maximum length of an object's name.
const NAME_MAX: usize = 253;

/// Sends events, and repeated events as one event with a count.
pub(super) struct Recorder {
    client: Client,
    reporter: Reporter,
    sent: HashMap<Kind, Sent>,
}

/// Events of the same kind count as repetitions of one event.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    is_warning: bool,
    reason: String,
    action: String,
    about: Vec<Option<String>>,
    related: Vec<Option<String>>,
}

struct Sent {
    object: Object,
    last: Timestamp,
}

impl Recorder {
    pub(super) fn new(client: Client, reporter: Reporter) -> Self {
        Self {
            client,
            reporter,
            sent: HashMap::new(),
        }
    }

    /// Sends an event about an object.
    pub(super) async fn publish(&mut self, event: &Event, about: &ObjectReference) -> kube::Result<()> {
        let now = Timestamp::now();
        self.sent.retain(|_, sent| sent.last + SERIES_LASTS > now);
        let namespace = about.namespace.as_deref().unwrap_or("default");
        let objects = Api::<Object>::namespaced(self.client.clone(), namespace);
        let kind = Kind {
            is_warning: matches!(event.type_, EventType::Warning),
            reason: event.reason.clone(),
            action: event.action.clone(),
            about: parts(Some(about)),
            related: parts(event.secondary.as_ref()),
        };
        let object = if let Some(sent) = self.sent.get(&kind) {
            let mut object = sent.object.clone();
            object.series = Some(EventSeries {
                count: object.series.map_or(2, |series| series.count + 1),
                last_observed_time: MicroTime(now),
            });
            let patch = Patch::Merge(&object);
            let name = object.name_any();
            objects.patch(&name, &PatchParams::default(), &patch).await?;
            object
        } else {
            let object = self.object(event, about, now);
            objects.create(&PostParams::default(), &object).await?;
            object
        };
        self.sent.insert(kind, Sent { object, last: now });
        Ok(())
    }

    fn object(&self, event: &Event, about: &ObjectReference, now: Timestamp) -> Object {
        let Reporter { controller, instance } = &self.reporter;
        let type_ = match event.type_ {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        Object {
            action: Some(event.action.clone()),
            reason: Some(event.reason.clone()),
            note: event.note.clone(),
            type_: Some(type_.to_owned()),
            event_time: Some(MicroTime(now)),
            regarding: Some(about.clone()),
            related: event.secondary.clone(),
            reporting_controller: Some(controller.clone()),
            reporting_instance: Some(instance.as_ref().unwrap_or(controller).clone()),
            metadata: ObjectMeta {
                namespace: about.namespace.clone(),
                name: Some(name(about.name.as_deref().unwrap_or(controller), now)),
                ..ObjectMeta::default()
            },
            ..Object::default()
        }
    }
}

/// Returns the name of an event about the object `about`: that name and the time, or a random name if that is too long.
fn name(about: &str, now: Timestamp) -> String {
    let name = format!("{about}.{:x}", now.as_nanosecond());
    if name.len() > NAME_MAX {
        Uuid::new_v4().to_string()
    } else {
        name
    }
}

fn parts(object: Option<&ObjectReference>) -> Vec<Option<String>> {
    let parts = |object: &ObjectReference| {
        [
            &object.api_version,
            &object.kind,
            &object.namespace,
            &object.name,
            &object.uid,
        ]
        .map(Clone::clone)
        .to_vec()
    };
    object.map(parts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_event_is_never_longer_than_names_may_be() {
        let now = Timestamp::now();
        for length in [1, 235, 236, 237, 253] {
            let about = "a".repeat(length);
            let name = name(&about, now);
            assert!(name.len() <= NAME_MAX, "{length}");
            assert_eq!(name.starts_with(&format!("{about}.")), length <= 236, "{length}");
            let is_allowed =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
            assert!(name.bytes().all(is_allowed), "{name}");
        }
    }
}
