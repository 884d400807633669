//! Ranges after a key, for every iteration of objects.

use std::convert::Infallible;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;

use super::super::{Builder, Entry, SourceEvent};
use super::{object, rv};

fn names<'a>(entries: impl Iterator<Item = &'a Arc<Entry<()>>>) -> Vec<String> {
    entries.map(|entry| entry.key.to_string()).collect()
}

#[test]
fn a_range_begins_after_a_place_with_or_without_an_object() {
    let mut builder = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(()));
    let by_color = builder.label("color");
    let (reader, writer) = builder.build();
    writer.apply([SourceEvent::ListStarted]);
    for (version, (namespace, name, color)) in (1_u32..).zip([
        ("a", "x", "red"),
        ("a", "x.1", "blue"),
        ("b", "w", "red"),
        ("b", "x", "red"),
        ("b", "y", "blue"),
        ("c", "x", "red"),
    ]) {
        let mut listed = object(name, &format!("{namespace}/{name}"), version, "");
        listed.metadata.namespace = Some(namespace.to_owned());
        listed.metadata.labels = Some([("color".to_owned(), color.to_owned())].into());
        writer.apply([SourceEvent::Listed(listed)]);
    }
    writer.apply([SourceEvent::ListDone(rv(50))]);

    let snapshot = reader.snapshot();
    let all = names(snapshot.iter());
    let places = [
        ("", ""),
        ("a", ""),
        ("a", "x"),
        ("a", "x.0"),
        ("b", "w"),
        ("b", "zz"),
        ("bb", "a"),
        ("c", "x"),
        ("d", ""),
    ];
    for (namespace, name) in places {
        let after = |in_namespace: Option<&str>, color: Option<&str>| -> Vec<String> {
            let entries = snapshot.iter().filter(|entry| {
                let key = &entry.key;
                (key.namespace(), key.name()) > (namespace, name)
                    && in_namespace.is_none_or(|namespace| namespace == key.namespace())
                    && color.is_none_or(|color| snapshot.indexed(by_color, color).any(|one| one.key == *key))
            });
            names(entries)
        };
        assert_eq!(names(snapshot.iter_after(namespace, name)), after(None, None));
        let here = Some(namespace);
        assert_eq!(
            names(snapshot.namespaced_after(namespace, name)),
            after(here, None)
        );
        for color in ["red", "blue", "green"] {
            let indexed = snapshot.indexed_after(by_color, color, namespace, name);
            assert_eq!(names(indexed), after(None, Some(color)));
            let indexed = snapshot.indexed_in_after(by_color, color, namespace, name);
            assert_eq!(names(indexed), after(here, Some(color)));
        }
        let namespaces: Vec<_> = snapshot.namespaces_after(namespace).map(|(id, _)| id).collect();
        let expected = ["a", "b", "c"].into_iter().filter(|id| *id > namespace);
        assert_eq!(namespaces, expected.collect::<Vec<_>>());
    }
    assert_eq!(names(snapshot.iter_after("", "")), all);
}
