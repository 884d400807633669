//! Label selectors, served from an index or not, against the selector's own judgement of each object.

use std::collections::BTreeMap;
use std::convert::Infallible;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::{Expression, Selector, SelectorExt as _};
use proptest::prelude::*;

use super::super::{Builder, LabelNotKept, Reader, SourceEvent};
use super::{object, rv};

type Labels = BTreeMap<String, String>;

/// Objects with these labels, alternately in two namespaces; the label `color` has an index.
fn cache(keep_all: bool, labels: &[Labels]) -> Reader<()> {
    let mut builder = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(()));
    let by_color = builder.label("color");
    let builder = if keep_all { builder.labels() } else { builder };
    let (reader, writer) = builder.build();
    let objects = labels.iter().enumerate().map(|(number, labels)| {
        let mut object = object(&format!("object-{number:03}"), &number.to_string(), 1, "");
        object.metadata.namespace = Some(format!("ns-{}", number % 2));
        object.metadata.labels = Some(labels.clone());
        SourceEvent::Listed(object)
    });
    writer.apply([SourceEvent::ListStarted]);
    writer.apply(objects);
    writer.apply([SourceEvent::ListDone(rv(1))]);
    assert_eq!(
        format!("{:?}", reader.load().index("color")),
        format!("{:?}", Some(by_color))
    );
    reader
}

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map(
        prop_oneof!["color", "size", "shape"],
        prop_oneof!["a", "b", "c"],
        0..3,
    )
}

fn expression() -> impl Strategy<Value = Expression> {
    let key = prop_oneof![Just("color"), Just("size"), Just("absent")].prop_map(str::to_owned);
    let values = prop::collection::btree_set(prop_oneof!["a", "b", "d"], 0..3);
    (key, values, prop_oneof!["a", "b"], 0..6).prop_map(|(key, values, value, kind)| match kind {
        0 => Expression::In(key, values),
        1 => Expression::NotIn(key, values),
        2 => Expression::Equal(key, value),
        3 => Expression::NotEqual(key, value),
        4 => Expression::Exists(key),
        _ => Expression::DoesNotExist(key),
    })
}

proptest! {
    #[test]
    fn a_selector_selects_what_it_says(
        labels in prop::collection::vec(labels(), 0..40),
        expressions in prop::collection::vec(expression(), 0..4),
        namespace in prop::option::of(Just("ns-1")),
    ) {
        let selector = expressions.into_iter().collect::<Selector>();
        let snapshot = cache(true, &labels).snapshot();
        let selected = snapshot.select(&selector, namespace).unwrap();
        let expected = snapshot.iter().filter(|entry| {
            let number = entry.key.name().strip_prefix("object-").unwrap().parse::<usize>().unwrap();
            namespace.is_none_or(|namespace| entry.key.namespace() == namespace) && selector.matches(&labels[number])
        });
        let expected = expected.map(|entry| &entry.key).collect::<Vec<_>>();
        prop_assert_eq!(selected.iter().map(|entry| &entry.key).collect::<Vec<_>>(), expected, "{}", selector);
    }
}

#[test]
fn a_label_that_is_not_kept_cannot_be_selected_by() {
    let red = Labels::from([
        ("color".to_owned(), "red".to_owned()),
        ("size".to_owned(), "l".to_owned()),
    ]);
    let snapshot = cache(false, &[red]).snapshot();
    let by = |key: &str| Selector::from(Expression::Exists(key.to_owned()));
    assert_eq!(snapshot.select(&by("color"), None).unwrap().len(), 1);
    assert_eq!(
        snapshot.select(&by("size"), None).unwrap_err(),
        LabelNotKept("size".to_owned())
    );
}
