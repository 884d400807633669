//! A read at a version waits if necessary. Its response is the same as without the version.

use anyhow::Result;
use e2e::{Answer, Api, Library};
use reqwest::Method;
use serde_json::json;

/// Headers that differ between responses, since other tests write in other namespaces.
const CHANGING: [&str; 3] = ["age", "date", "x-resource-version"];

async fn read(api: &Api, method: &Method, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut request = api
        .request(method.clone(), path)
        .header("X-Request-Id", "the-same");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut answer = request.await?;
    for name in CHANGING {
        answer.headers.remove(name);
    }
    Ok(answer)
}

#[tokio::test]
async fn a_read_at_a_known_version_is_answered_like_one_without_a_version() -> Result<()> {
    let library = Library::open().await?;
    for (id, category) in [("a", "math"), ("b", "physics"), ("c", "math")] {
        let body = json!({"id": id, "author": "A", "title": "T", "category_id": category});
        let made = library.admin.post(library.list_path()).json(&body).await?;
        made.json(201);
        library.appeared(id).await?;
    }
    library.lend("c", "tenant").await?;
    let (list, book) = (library.list_path(), library.path("a"));
    let mut answered = 0;
    for api in library.apis() {
        let listed = api.get(&list).await?;
        let version = listed.header("x-resource-version");
        let first = api.get(format!("{list}?limit=1")).await?;
        let continue_token = first.json(200)["continue"].as_str().map(str::to_owned);
        let continue_token = continue_token.expect("there is more");
        let (list_tag, tag) = (
            listed.header("etag"),
            api.get(&book).await?.header("etag").to_owned(),
        );
        let conditions = [list_tag, &tag, "*", "\"other\"", "nonsense"];
        let conditions = conditions.map(|condition| ("If-None-Match", condition));
        for path in [
            list.clone(),
            format!("{list}?category_id=math"),
            format!("{list}?category_id=none"),
            format!("{list}?category_id="),
            format!("{list}?category_id=not%20one"),
            format!("{list}?limit=1"),
            format!("{list}?limit=0"),
            format!("{list}?limit=many"),
            format!("{list}?limit=1&continue={continue_token}"),
            format!("{list}?category_id=math&continue={continue_token}"),
            format!("{list}?continue=nonsense"),
            format!("{list}?unknown=1"),
            "/book/nobody-has-this".to_owned(),
            "/book/Not-A-Name".to_owned(),
            "/book?limit=many".to_owned(),
            book.clone(),
            library.path("missing"),
            library.path("Not-A-Name"),
            "/book/Not-A-Name/Not-A-Name".to_owned(),
        ] {
            for method in [Method::GET, Method::HEAD] {
                for condition in conditions.iter().map(Some).chain([None]) {
                    let mut headers: Vec<_> = condition.into_iter().copied().collect();
                    let without = read(api, &method, &path, &headers).await?;
                    headers.push(("X-Resource-Version", version));
                    let with = read(api, &method, &path, &headers).await?;
                    let about = format!("{} {headers:?}: {}", with.what, with.text());
                    assert_eq!(with.status, without.status, "{about}");
                    assert_eq!(with.headers, without.headers, "{about}");
                    assert_eq!(with.text(), without.text(), "{about}");
                    answered += u32::from(with.status < 400);
                }
            }
        }
    }
    assert!(answered > 100, "{answered}");
    Ok(())
}
