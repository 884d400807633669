//! Accepted and refused tokens.

use anyhow::{Context as _, Result};
use e2e::{Program, Service, eventually};

use super::{ADMIN, House, USER, reviewed};

const CHALLENGE: &str = r#"Bearer realm="bookshelf""#;
const INVALID: &str = r#"Bearer realm="bookshelf", error="invalid_token""#;

#[tokio::test]
async fn all_but_one_good_token_is_refused_with_a_challenge() -> Result<()> {
    let house = House::open().await?;
    let path = house.library.list_path();
    let person = house.person("someone").await?;
    person
        .grant(&house.library.namespace, &["list"], &["books"], &[])
        .await?;
    let token = person.token(ADMIN).await?;
    reviewed(house.admin.as_bearer(&token)).await?;
    let good = format!("Bearer {token}");
    let accepted = house.admin.get(&path).header("Authorization", &good).await?;
    accepted.json(200);
    let lower = good.replacen("Bearer", "bEARER", 1);
    house
        .admin
        .get(&path)
        .header("Authorization", lower)
        .await?
        .json(200);

    // Reversed, since the last character of a base64 text has unused bits.
    let (signed, signature) = good.rsplit_once('.').context("a signature")?;
    let tampered = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    for (value, challenge) in [
        (String::new(), CHALLENGE),
        ("Bearer".to_owned(), CHALLENGE),
        ("Bearer ".to_owned(), CHALLENGE),
        ("Basic c29tZW9uZTpzZWNyZXQ=".to_owned(), CHALLENGE),
        (format!("Token {token}"), CHALLENGE),
        (token.clone(), CHALLENGE),
        (format!("{good} {token}"), CHALLENGE),
        (format!("{good}, {good}"), CHALLENGE),
        ("Bearer ä".to_owned(), INVALID),
        (format!("Bearer {}", "a".repeat(16 * 1024 + 1)), INVALID),
        ("Bearer garbage".to_owned(), INVALID),
        ("Bearer a.b.c".to_owned(), INVALID),
        (tampered, INVALID),
        (format!("Bearer {}", person.token(USER).await?), INVALID),
        (
            format!("Bearer {}", person.token("https://kubernetes.default.svc").await?),
            INVALID,
        ),
    ] {
        let about = &value[..value.len().min(40)];
        let refused = eventually("a review has its turn", async || {
            let request = house.admin.get(&path).header("Authorization", &value);
            let answer = request.await?;
            Ok((answer.status != 429).then_some(answer))
        });
        let refused = refused.await?;
        refused.problem(401, "unauthenticated");
        assert_eq!(refused.header("www-authenticate"), challenge, "{about}");
        assert_eq!(refused.header("cache-control"), "private, no-cache");
    }
    let twice = house
        .admin
        .get(&path)
        .header("Authorization", &good)
        .header("Authorization", &good);
    twice.await?.problem(401, "unauthenticated");
    // Nothing else counts as a credential.
    for (name, value) in [
        ("Cookie", format!("token={token}")),
        ("X-Forwarded-Authorization", good.clone()),
        ("Proxy-Authorization", good.clone()),
        ("X-Remote-User", "system:admin".to_owned()),
    ] {
        let refused = house.admin.get(&path).header(name, value).await?;
        refused.problem(401, "unauthenticated");
    }
    let in_query = house.admin.get(format!("{path}?access_token={token}")).await?;
    in_query.problem(401, "unauthenticated");
    Ok(())
}

#[tokio::test]
async fn the_token_of_a_deleted_account_is_refused_within_20_seconds() -> Result<()> {
    let house = House::open().await?;
    let path = house.library.list_path();
    let person = house.person("leaver").await?;
    person
        .grant(&house.library.namespace, &["list"], &["books"], &[])
        .await?;
    let api = house.api_for(&person, ADMIN).await?;
    api.get(&path).await?.json(200);
    person.leave().await?;
    let left = std::time::Instant::now();
    eventually("the token is refused", async || {
        Ok((api.get(&path).await?.status == 401).then_some(()))
    })
    .await?;
    assert!(left.elapsed().as_secs() < 30, "{:?}", left.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_right_that_is_taken_away_ends_within_ten_seconds() -> Result<()> {
    let house = House::open().await?;
    let path = house.library.list_path();
    let person = house.person("reader").await?;
    let grant = person
        .grant(&house.library.namespace, &["list"], &["books"], &[])
        .await?;
    let api = house.api_for(&person, ADMIN).await?;
    let read = api.get(&path).await?;
    read.json(200);
    grant.revoke().await?;
    let revoked = std::time::Instant::now();
    eventually("the right has ended", async || {
        Ok((api.get(&path).await?.status == 403).then_some(()))
    })
    .await?;
    // After the decision ends, the API server may need some seconds for its own watch of roles on a slow machine.
    assert!(revoked.elapsed().as_secs() < 15, "{:?}", revoked.elapsed());
    // A response that the client already has is no longer confirmed either.
    let cached = api
        .get(&path)
        .header("If-None-Match", read.header("etag"))
        .await?;
    cached.problem(403, "forbidden");
    Ok(())
}

#[tokio::test]
async fn with_audiences_of_its_own_an_api_takes_tokens_of_these_alone() -> Result<()> {
    let house = House::open().await?;
    let person = house.person("reader").await?;
    let cluster = &house.library.cluster;
    let arguments = ["--auth-mode=token", "--auth-audience=library,reading-room"];
    let admin = Service::start(Program::Admin, cluster, &arguments).await?;
    for (audience, status) in [("library", 200), ("reading-room", 200), (ADMIN, 401), (USER, 401)] {
        let api = admin.api()?.as_bearer(&person.token(audience).await?);
        assert_eq!(api.get("/namespace").await?.status, status, "{audience}");
    }
    Ok(())
}
