//! Refused searches.

use anyhow::{Context as _, Result};
use e2e::{Cluster, Program, Service};

use super::{encoded, found, ids, library, path};

#[tokio::test]
async fn an_invalid_search_is_refused_by_name() -> Result<()> {
    let library = library().await?;
    let long = "a".repeat(257);
    for api in library.apis() {
        for list in [library.list_path(), "/book".to_owned()] {
            let ask = |q: &str| api.get(format!("{list}?q={}", encoded(q)));
            for (bad, rule) in [
                (" ", "q must have at least one letter or number"),
                ("\u{3000}\t", "q must have at least one letter or number"),
                ("- … !", "q must have at least one letter or number"),
                ("a b c d e f g h i", "q must have at most 8 terms"),
                (&long, "q must have at most 256 characters"),
            ] {
                assert_eq!(ask(bad).await?.invalid("q"), rule, "{bad:?}");
            }
            for good in ["a b c d e f g h", "a b c d e f g h - !", &"𠮷".repeat(256), ""] {
                ask(good).await?.json(200);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_page_goes_on_in_its_own_search_alone() -> Result<()> {
    let library = library().await?;
    for api in library.apis() {
        let token = async |q: &str| {
            let page = api.get(path(&library, q, "&limit=1")).await?.json(200);
            Ok::<_, anyhow::Error>(page["continue"].as_str().context("more")?.to_owned())
        };
        let (of_peace, of_all) = (token("peace").await?, token("").await?);
        let go_on =
            async |q: &str, token: &str| api.get(path(&library, q, &format!("&continue={token}"))).await;
        assert_eq!(ids(&go_on("peace", &of_peace).await?.json(200))?, ["g-peace"]);
        assert_eq!(ids(&go_on("", &of_all).await?.json(200))?.len(), 6);
        for (q, token) in [("war", &of_peace), ("", &of_peace), ("peace", &of_all)] {
            go_on(q, token).await?.invalid("continue");
        }
        let plain = api.get(format!("{}?continue={of_peace}", library.list_path()));
        plain.await?.invalid("continue");
        let elsewhere = api.get(format!("/namespace?continue={of_peace}"));
        elsewhere.await?.invalid("continue");
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_has_no_search() -> Result<()> {
    let library = library().await?;
    for api in library.apis() {
        for list in [library.list_path(), "/book".to_owned()] {
            for q in ["peace", "%20", "a%20b%20c%20d%20e%20f%20g%20h%20i"] {
                let stream = api
                    .get(format!("{list}?q={q}"))
                    .header("Accept", "text/event-stream");
                stream.await?.invalid("q");
            }
        }
        let mut plain = api.get(path(&library, "", "")).listen().await?;
        let events = plain.until("synced").await?;
        assert_eq!(events.len(), 8, "{events:?}");
    }
    Ok(())
}

#[tokio::test]
async fn search_false_refuses_every_search() -> Result<()> {
    let library = library().await?;
    for program in Program::ALL {
        let service = Service::start(program, &Cluster::shared()?, &["--search=false"]).await?;
        let api = service.api()?;
        for list in [library.list_path(), "/book".to_owned()] {
            let refused = api.get(format!("{list}?q=peace")).await?.invalid("q");
            assert!(refused.contains("turned off"), "{refused}");
        }
        assert_eq!(found(&api, &library, "", "&category_id=novel").await?.len(), 4);
    }
    Ok(())
}
