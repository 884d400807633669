//! Compares label selectors, with and without an index, with the selector's own result for each object.

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
    fn a_selector_selects_the_matching_objects(
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

/// Returns the number of objects examined for a selector, of 1000 in each of two namespaces. All but ten objects of
/// `ns-0` are red, all others are green.
fn looked_at(selector: Expression, namespace: Option<&str>) -> usize {
    let labels: Vec<_> = (0..2000)
        .map(|number| {
            let color = match number % 2 {
                0 if number >= 20 => "red",
                _ => "green",
            };
            Labels::from([("color".to_owned(), color.to_owned())])
        })
        .collect();
    let reader = cache(true, &labels);
    reader.load().candidates_for(&[selector], namespace).count()
}

#[test]
fn a_selector_looks_at_no_more_than_its_namespace_has() {
    let by = |color: &str| Expression::Equal("color".to_owned(), color.to_owned());
    assert_eq!(looked_at(by("green"), Some("ns-0")), 10);
    assert_eq!(looked_at(by("red"), Some("ns-1")), 0);
    assert_eq!(looked_at(by("green"), None), 1010);
    let exists = || Expression::Exists("color".to_owned());
    assert_eq!(looked_at(exists(), Some("ns-0")), 1000);
    assert_eq!(looked_at(exists(), Some("none")), 0);
    assert_eq!(looked_at(exists(), None), 2000);
}

#[test]
fn the_index_that_has_fewest_in_the_namespace_is_looked_at() {
    let mut builder = Builder::new(|_: ConfigMap| Ok::<_, Infallible>(()));
    builder.label("color");
    builder.label("size");
    let (reader, writer) = builder.build();
    // In `here`, few objects are red; in `there`, few have the size `l`.
    let objects = (0..2000).map(|number| {
        let (here, few) = (number < 1000, number % 100 == 0);
        let mut object = object(&format!("object-{number:04}"), &number.to_string(), 1, "");
        object.metadata.namespace = Some(if here { "here" } else { "there" }.to_owned());
        let color = if here == few { "red" } else { "blue" };
        let size = if here == few { "s" } else { "l" };
        object.metadata.labels = Some(
            [("color", color), ("size", if here { "l" } else { size })]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        );
        SourceEvent::Listed(object)
    });
    writer.apply([SourceEvent::ListStarted]);
    writer.apply(objects);
    writer.apply([SourceEvent::ListDone(rv(1))]);
    let expressions = [("size", "l"), ("color", "red")]
        .map(|(key, value)| Expression::Equal(key.to_owned(), value.to_owned()));
    let snapshot = reader.snapshot();
    assert_eq!(snapshot.candidates_for(&expressions, Some("here")).count(), 10);
    assert_eq!(snapshot.candidates_for(&expressions, Some("there")).count(), 10);
}
