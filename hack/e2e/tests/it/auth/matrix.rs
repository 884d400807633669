//! Every operation × every kind of caller, in one table.

mod rows;

use std::collections::BTreeSet;

use anyhow::Result;
use e2e::{Person, book, eventually};
use http::Method;

use super::{ADMIN, House, USER};
use rows::{RIGHTS, Row, rows};

/// Returns a caller with exactly these rights in a namespace, only on the objects with these names if there are any.
async fn person(
    house: &House,
    name: &str,
    namespace: &str,
    rights: &[(&str, &str)],
    names: &[&str],
) -> Result<Person> {
    let person = house.person(name).await?;
    for (verb, resource) in rights {
        person.grant(namespace, &[verb], &[resource], names).await?;
    }
    Ok(person)
}

/// Asserts the status of an operation for each kind of caller in a namespace. `other` is another namespace.
async fn check(house: &House, row: &Row, number: usize, other: &str) -> Result<()> {
    let namespace = &house.library.namespace;
    let id = format!("book-{number}");
    house.library.plant(&book(&id)).await?;
    let name = |kind: &str| format!("{kind}-{number}");
    let status = async |caller: &Person| {
        let api = house.api_for(caller, row.api).await?;
        row.status(&api, namespace, &id).await
    };
    let about = row.about();
    let api = if row.api == ADMIN {
        &house.admin
    } else {
        &house.user
    };
    let nobody = row.status(api, namespace, &id).await?;
    let stranger = house.person(&name("stranger")).await?;
    if row.is_public() {
        assert_eq!(nobody, row.status, "{about}, nobody");
        assert_eq!(status(&stranger).await?, row.status, "{about}, without rights");
        // Public operations ignore credentials.
        let garbage = api.as_bearer("garbage");
        assert_eq!(
            row.status(&garbage, namespace, &id).await?,
            row.status,
            "{about}, garbage"
        );
        return Ok(());
    }
    assert_eq!(nobody, 401, "{about}, nobody");
    assert_eq!(status(&stranger).await?, row.without, "{about}, without rights");
    let elsewhere = person(house, &name("elsewhere"), other, &RIGHTS, &[]).await?;
    assert_eq!(
        status(&elsewhere).await?,
        row.without,
        "{about}, of another namespace"
    );
    for lacking in row.rights {
        let all_but_one = RIGHTS.iter().copied().filter(|right| right != lacking);
        let all_but_one = all_but_one.collect::<Vec<_>>();
        let lacking = format!("lacks-{}-{}", lacking.0, lacking.1);
        let lacking = person(house, &name(&lacking), namespace, &all_but_one, &[]).await?;
        let status = status(&lacking).await?;
        assert_eq!(status, row.without, "{about}, with all rights but one");
    }
    let is_of_one = row.path.contains("{id}");
    if is_of_one {
        let named = person(house, &name("other-name"), namespace, row.rights, &["another"]).await?;
        let status = status(&named).await?;
        assert_eq!(status, 403, "{about}, with the right to another name");
    }
    if row.is_of_all() {
        let here = person(house, &name("here"), namespace, row.rights, &[]).await?;
        assert_eq!(status(&here).await?, row.without, "{about}, of this namespace");
        let right = house.person(&name("right")).await?;
        for (verb, resource) in row.rights {
            right.grant_everywhere(&[verb], &[resource]).await?;
        }
        let api = house.api_for(&right, row.api).await?;
        return eventually(&format!("{about}, with its right"), async || {
            let status = row.status(&api, namespace, &id).await?;
            Ok((status == row.status).then_some(()))
        })
        .await;
    }
    // A missing book gets the same refusal as an existing one, so nobody learns of what they may not see.
    let api = house.api_for(&stranger, row.api).await?;
    let missing = row.status(&api, namespace, "missing").await?;
    assert_eq!(missing, 403, "{about}, missing");
    let nowhere = row.status(&api, "no-such-namespace", &id).await?;
    assert_eq!(nowhere, 403, "{about}, no such namespace");
    // Names in the path are checked before rights.
    let invalid = row.status(&api, "NO-NAMESPACE", &id).await?;
    assert_eq!(invalid, 400, "{about}, no namespace");

    let names = [id.as_str()];
    let names = if is_of_one && number.is_multiple_of(2) {
        &names[..]
    } else {
        &[]
    };
    let right = person(house, &name("right"), namespace, row.rights, names).await?;
    let status = status(&right).await?;
    assert_eq!(status, row.status, "{about}, with its right on {names:?}");
    Ok(())
}

#[tokio::test]
async fn every_operation_takes_its_own_right_and_no_other() -> Result<()> {
    let house = House::open().await?;
    let other = House::open().await?;
    for (number, row) in rows().iter().enumerate() {
        check(&house, row, number, &other.library.namespace).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_table_of_callers_has_every_operation() -> Result<()> {
    let house = House::open().await?;
    for (name, api) in [(ADMIN, &house.admin), (USER, &house.user)] {
        let document = api.get("/openapi.json").await?.json(200);
        let mut documented = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                let method = method.to_uppercase();
                let description = operation["description"].as_str().unwrap_or_default();
                let is_public = operation["security"].is_null();
                documented.insert((method.clone(), path.clone(), "", is_public));
                // Each right in the description must be a row.
                for (words, kind) in [
                    ("for an event stream to `watch`", "as a stream"),
                    ("with `force=true` also", "forced"),
                ] {
                    if description.contains(words) {
                        documented.insert((method.clone(), path.clone(), kind, is_public));
                    }
                }
            }
        }
        let rows = rows();
        let rows = rows.iter().filter(|row| row.api == name);
        let in_table = rows.map(|row| {
            let kind = match (row.is_stream, row.query) {
                (true, _) => "as a stream",
                (false, "?force=true") => "forced",
                (false, _) => "",
            };
            (row.method.to_string(), row.path.to_owned(), kind, row.is_public())
        });
        assert_eq!(in_table.collect::<BTreeSet<_>>(), documented, "{name}");
        assert_eq!(
            document["components"]["securitySchemes"]["bearer"]["scheme"],
            "bearer"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_route_is_refused_without_a_token_and_then_not_found() -> Result<()> {
    let house = House::open().await?;
    let stranger = house.person("stranger").await?;
    for (audience, api) in [(ADMIN, &house.admin), (USER, &house.user)] {
        let by_stranger = house.api_for(&stranger, audience).await?;
        for (method, path, status) in [
            (Method::GET, "/nowhere", 404),
            (Method::GET, "/health/", 404),
            (Method::GET, "/docs/a/b", 404),
            (Method::POST, "/health", 405),
            (Method::OPTIONS, "/book", 405),
            (Method::TRACE, "/book", 405),
            (Method::from_bytes(b"BREW")?, "/book", 405),
            (Method::DELETE, "/namespace", 405),
        ] {
            let about = format!("{method} {path}");
            let refused = api.request(method.clone(), path).await?;
            assert_eq!(refused.status, 401, "{about}");
            let refused = by_stranger.request(method, path).await?;
            assert_eq!(refused.status, status, "{about}");
        }
        for path in ["/health", "/openapi.json", "/docs"] {
            for method in [Method::GET, Method::HEAD] {
                let public = api.request(method.clone(), path).await?;
                assert_eq!(public.status, 200, "{method} {path}");
            }
        }
    }
    Ok(())
}
