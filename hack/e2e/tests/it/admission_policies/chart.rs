//! The policies as the chart renders them.

use anyhow::{Context as _, Result};
use bookshelf_crd::{
    GROUP, labels,
    management::{MARKS, MarkKind},
};
use e2e::chart;

use super::super::chart::helm;

/// Renders the chart's policies for a release, with additional `arguments`.
async fn policies(release: &str, namespace: &str, arguments: &[&str]) -> Result<String> {
    let chart = chart();
    let fixed = [
        "template",
        release,
        chart.to_str().context("a path")?,
        "-n",
        namespace,
    ];
    helm(&[&fixed, arguments].concat()).await
}

const ONLY: &str = "--show-only=templates/admission-policies.yaml";

/// Returns the strings in a variable of the policies.
fn strings_in(policies: &str, variable: &str) -> Vec<String> {
    let (_, from) = policies
        .split_once(&format!("- name: {variable}\n"))
        .unwrap_or_default();
    let (of_it, _) = from.split_once("- name:").unwrap_or((from, ""));
    let strings = of_it.split('\'').skip(1).step_by(2);
    strings.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_marks_in_the_policies_are_those_in_the_code() -> Result<()> {
    let policies = policies("bookshelf", "bookshelf", &[ONLY]).await?;
    for (variable, kind) in [
        ("labelMarks", MarkKind::Label),
        ("annotationMarks", MarkKind::Annotation),
    ] {
        let of_kind = MARKS.iter().filter(|mark| mark.kind == kind);
        let expected: Vec<_> = of_kind.map(|mark| mark.key.to_owned()).collect();
        assert_eq!(strings_in(&policies, variable), expected, "{variable}");
    }
    assert_eq!(strings_in(&policies, "managedBy"), [labels::MANAGED_BY]);
    let ours = format!("in ['', '{}']", labels::MANAGED_BY_BOOKSHELF);
    assert_eq!(policies.matches(&ours).count(), 2, "{policies}");
    assert_eq!(policies.matches(&format!("- apiGroups: [{GROUP}]")).count(), 2);
    assert!(
        policies.contains(&format!("startsWith('{GROUP}/')")),
        "{policies}"
    );
    Ok(())
}

async fn names(release: &str, namespace: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let policies = policies(release, namespace, &[&[ONLY], arguments].concat()).await?;
    let names = policies.lines().filter_map(|line| line.strip_prefix("  name: "));
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort();
    // A policy and its binding have the same name.
    names.dedup();
    Ok(names)
}

#[tokio::test]
async fn releases_do_not_share_the_names_of_policies() -> Result<()> {
    let long = "n".repeat(63);
    let mut all = Vec::new();
    for (release, namespace) in [
        ("bookshelf", "bookshelf"),
        ("bookshelf", "a"),
        ("bookshelf-b", "a"),
        ("bookshelf", "a-bookshelf-b"),
        ("bookshelf-x", &long),
        (&"bookshelf-".repeat(5)[..49], &long),
        (&"bookshelf-".repeat(5)[..48], &long[1..]),
    ] {
        let names = names(release, namespace, &[]).await?;
        assert_eq!(names.len(), 2, "{names:?}");
        all.extend(names);
    }
    for name in &all {
        assert!(name.len() <= 63, "{name}");
        let is_allowed = |character: char| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || "-.".contains(character)
        };
        assert!(name.chars().all(is_allowed), "{name}");
        assert!(!name.contains("-.") && !name.contains(".-"), "{name}");
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "{all:?}");
    Ok(())
}

#[tokio::test]
async fn a_policy_holds_the_accounts_of_its_own_release() -> Result<()> {
    let policies = policies("other", "there", &[]).await?;
    let accounts = "in ['system:serviceaccount:there:other-bookshelf-admin-api', \
                    'system:serviceaccount:there:other-bookshelf-user-api']";
    assert_eq!(policies.matches(accounts).count(), 2, "{policies}");
    for account in ["admin-api", "user-api"] {
        assert!(policies.contains(&format!("serviceAccountName: other-bookshelf-{account}\n")));
    }
    Ok(())
}

#[tokio::test]
async fn they_are_there_unless_switched_off_or_unknown_to_the_api_server() -> Result<()> {
    let kind = "--api-versions=admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy";
    for (arguments, expected) in [
        (&[][..], 4),
        (&["--api-versions=v1/Namespace"][..], 0),
        (&["--api-versions=v1/Namespace", kind][..], 4),
        (&["--set=admissionPolicies.enabled=false"][..], 0),
    ] {
        let policies = policies("bookshelf", "bookshelf", arguments).await?;
        let count = policies.matches("kind: ValidatingAdmissionPolicy").count();
        assert_eq!(count, expected, "{arguments:?}");
    }
    Ok(())
}
