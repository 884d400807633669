//! Tokens signed by the test: their validity, and the rotation of the signing keys.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use control_plane::{Component, ControlPlane};
use e2e::{Signer, eventually, unsigned};
use rcgen::KeyPair;
use serde_json::json;

use super::{AUDIENCE, House, Turn};

const HOUR: i64 = 3600;

/// The files of the key that signs tokens and of those that verify them. Drop restores them.
struct Keys {
    signing: PathBuf,
    verifying: PathBuf,
    before: [Vec<u8>; 2],
}

impl Keys {
    fn of(control_plane: &ControlPlane) -> Result<Self> {
        let directory = control_plane.data_dir().join("pki");
        let (signing, verifying) = (
            directory.join("service-account.key"),
            directory.join("service-account.pub"),
        );
        let before = [fs::read(&signing)?, fs::read(&verifying)?];
        Ok(Self {
            signing,
            verifying,
            before,
        })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let [signing, verifying] = &self.before;
        // If this fails, the next test fails too, as its tokens are refused.
        let _ = fs::write(&self.signing, signing);
        let _ = fs::write(&self.verifying, verifying);
    }
}

/// Returns the status of a read with a token that may be new to the service.
async fn status(house: &House, token: &str) -> Result<u16> {
    let api = house.library.admin.as_bearer(token);
    let answer = eventually("a review has its turn", async || {
        let answer = api.get(house.library.path("book")).await?;
        Ok((answer.status != 429).then_some(answer))
    })
    .await?;
    if answer.status == 401 {
        answer.problem(401, "unauthenticated");
    }
    Ok(answer.status)
}

#[tokio::test]
async fn a_token_is_good_from_its_beginning_to_its_end_and_with_the_right_signature_alone() -> Result<()> {
    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let signer = Signer::read(&Keys::of(turn.control_plane())?.signing)?;
    let person = &house.person;
    let claims = |valid| person.claims(AUDIENCE, valid);
    let mut of_other_issuer = claims(-5..HOUR)?;
    of_other_issuer["iss"] = json!("https://issuer.example.com");
    let good = signer.sign(&claims(-5..HOUR)?)?;
    assert_eq!(status(&house, &good).await?, 200);
    let (body, signature) = good.rsplit_once('.').unwrap_or_default();
    let other = signer.sign(&claims(-6..HOUR)?)?;
    let (other, _) = other.rsplit_once('.').unwrap_or_default();
    let mut tokens = vec![good.clone()];
    for (about, token) in [
        ("expired", signer.sign(&claims(-2 * HOUR..-HOUR)?)?),
        // The API server allows a clock skew of one minute. The contract of bookshelf allows none.
        ("just expired", signer.sign(&claims(-HOUR..-5)?)?),
        ("not valid yet", signer.sign(&claims(HOUR..2 * HOUR)?)?),
        ("of an unknown key", Signer::unknown()?.sign(&claims(-5..HOUR)?)?),
        ("without a signature", format!("{body}.")),
        ("with the signature of another", format!("{other}.{signature}")),
        (
            "that says it needs no signature",
            format!("{}.", unsigned("none", &claims(-5..HOUR)?)),
        ),
        (
            "that names a symmetric algorithm",
            format!("{}.{signature}", unsigned("HS256", &claims(-5..HOUR)?)),
        ),
        ("of another issuer", signer.sign(&of_other_issuer)?),
        (
            "of another audience",
            signer.sign(&person.claims("bookshelf-user", -5..HOUR)?)?,
        ),
    ] {
        assert_eq!(status(&house, &token).await?, 401, "a token {about}");
        tokens.push(token);
    }
    let tokens = tokens.iter().map(String::as_str).collect::<Vec<_>>();
    house.keeps_secret(&tokens).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn a_kept_decision_ends_with_the_token() -> Result<()> {
    const VALID_FOR: Duration = Duration::from_secs(5);

    let turn = Turn::take().await?;
    let house = House::open(&turn).await?;
    let signer = Signer::read(&Keys::of(turn.control_plane())?.signing)?;
    let made = Instant::now();
    let claims = house
        .person
        .claims(AUDIENCE, -5..VALID_FOR.as_secs().try_into()?)?;
    let token = signer.sign(&claims)?;
    let api = house.library.admin.as_bearer(&token);
    let mut stream = api.get(house.library.list_path()).listen().await?;
    stream.until("synced").await?;
    assert_eq!(status(&house, &token).await?, 200);
    eventually("the token ends", async || {
        Ok((status(&house, &token).await? == 401).then_some(()))
    })
    .await?;
    // Times in tokens are whole seconds.
    let least = VALID_FOR.saturating_sub(Duration::from_secs(1));
    assert!(made.elapsed() >= least, "{:?}", made.elapsed());
    assert!(
        made.elapsed() < VALID_FOR + Duration::from_secs(4),
        "{:?}",
        made.elapsed()
    );
    while stream.next().await?.is_some() {}
    assert!(
        made.elapsed() < VALID_FOR + Duration::from_secs(5),
        "{:?}",
        made.elapsed()
    );
    house.keeps_secret(&[&token]).await?;
    turn.leave();
    Ok(())
}

#[tokio::test]
async fn tokens_of_an_old_key_are_good_until_the_api_server_forgets_the_key() -> Result<()> {
    let turn = Turn::take().await?;
    let keys = Keys::of(turn.control_plane())?;
    let old = Signer::read(&keys.signing)?;
    // The new key signs, and both keys verify.
    let new = KeyPair::generate()?;
    fs::write(&keys.signing, new.serialize_pem())?;
    let both = [keys.before[1].as_slice(), new.public_key_pem().as_bytes()].concat();
    fs::write(&keys.verifying, both)?;
    turn.control_plane().restart(Component::Apiserver).await?;
    let house = House::open(&turn).await?;
    let of_old = old.sign(&house.person.claims(AUDIENCE, -5..HOUR)?)?;
    let of_new = house.person.token(AUDIENCE).await?;
    for token in [&of_old, &of_new] {
        assert_eq!(status(&house, token).await?, 200);
    }

    fs::write(&keys.verifying, new.public_key_pem())?;
    turn.control_plane().restart(Component::Apiserver).await?;
    let forgotten = Instant::now();
    eventually("the token of the old key is refused", async || {
        Ok((status(&house, &of_old).await? == 401).then_some(()))
    })
    .await?;
    assert!(
        forgotten.elapsed() < Duration::from_secs(30),
        "{:?}",
        forgotten.elapsed()
    );
    eventually("the token of the new key is good", async || {
        Ok((status(&house, &of_new).await? == 200).then_some(()))
    })
    .await?;
    house.keeps_secret(&[&of_old, &of_new]).await?;
    drop(keys);
    turn.control_plane().restart(Component::Apiserver).await?;
    turn.leave();
    Ok(())
}
