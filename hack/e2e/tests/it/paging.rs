//! Lists in pages.

use anyhow::{Context as _, Result};
use e2e::{Answer, Api, Library};
use serde_json::{Value, json};

/// Reads all pages of at most `limit` members. Returns the members and the number of pages.
async fn pages(api: &Api, path: &str, limit: usize) -> Result<(Vec<Value>, usize)> {
    let path = format!(
        "{path}{}limit={limit}",
        if path.contains('?') { '&' } else { '?' }
    );
    let (mut members, mut next, mut count) = (vec![], String::new(), 0);
    loop {
        let page = api.get(format!("{path}{next}")).tenant("bob").await?.json(200);
        let list = page["list"].as_array().context("a list")?;
        assert!(list.len() <= limit, "{} members", list.len());
        members.extend(list.iter().cloned());
        count += 1;
        let Some(token) = page.get("continue") else {
            return Ok((members, count));
        };
        assert_eq!(list.len(), limit, "there is more");
        next = format!("&continue={}", token.as_str().context("a text")?);
    }
}

fn list(answer: &Answer) -> Result<Vec<Value>> {
    let list = answer.json(200);
    assert_eq!(list.get("continue"), None);
    Ok(list["list"].as_array().context("a list")?.clone())
}

/// Returns a library of seven books, some in a category, some lent to bob.
async fn library() -> Result<Library> {
    let library = Library::open().await?;
    for (id, category) in ["a", "a.b", "b", "c", "d", "e", "f"]
        .into_iter()
        .zip(["math", ""].into_iter().cycle())
    {
        let body = json!({"id": id, "author": "A", "title": "T", "category_id": category});
        let created = library.admin.post(library.list_path()).json(&body).await?;
        created.json(201);
        library.appeared(id).await?;
    }
    for id in ["a", "b", "c", "f"] {
        library.lend(id, if id == "c" { "alice" } else { "bob" }).await?;
    }
    Ok(library)
}

#[tokio::test]
async fn all_pages_together_are_the_list() -> Result<()> {
    let library = library().await?;
    for api in library.apis() {
        for path in [
            library.list_path(),
            format!("{}?category_id=math", library.list_path()),
            format!("{}?category_id=physics", library.list_path()),
            library.loans_path(),
            format!("{}?borrowed_by=bob", library.loans_path()),
        ] {
            let all = list(&api.get(&path).tenant("bob").await?)?;
            for limit in [1, 2, 3, all.len().max(1), 1000] {
                let (members, count) = pages(api, &path, limit).await?;
                assert_eq!(members, all, "{path}, {limit}");
                assert_eq!(count, all.len().div_ceil(limit).max(1), "{path}, {limit}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn lists_of_all_namespaces_come_in_pages() -> Result<()> {
    let [one, two] = [library().await?, library().await?];
    let ours = |members: &[Value]| -> Vec<Value> {
        let is_ours = |member: &&Value| {
            let namespace = member.get("namespace_id").or(member.get("id"));
            [&one, &two]
                .iter()
                .any(|library| namespace == Some(&json!(library.namespace)))
        };
        members.iter().filter(is_ours).cloned().collect()
    };
    for api in one.apis() {
        for (path, members) in [("/book", 14), ("/book?category_id=math", 8), ("/namespace", 2)] {
            let all = ours(&list(&api.get(path).await?)?);
            assert_eq!(all.len(), members, "{path}");
            for limit in [1, 5] {
                // Other tests may change other namespaces at the same time.
                assert_eq!(ours(&pages(api, path, limit).await?.0), all, "{path}, {limit}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_page_goes_on_after_a_book_that_is_gone_and_without_a_limit_to_the_end() -> Result<()> {
    let library = library().await?;
    let admin = &library.admin;
    let page = admin
        .get(format!("{}?limit=4", library.list_path()))
        .await?
        .json(200);
    let token = page["continue"].as_str().context("more")?;
    library
        .admin
        .delete(library.path("c?force=true"))
        .await?
        .empty(204);
    let rest = admin
        .get(format!("{}?continue={token}", library.list_path()))
        .await?;
    let rest = list(&rest)?;
    let ids: Vec<_> = rest.iter().map(|book| book["id"].clone()).collect();
    assert_eq!(ids, ["d", "e", "f"]);
    Ok(())
}

#[tokio::test]
async fn a_page_has_a_tag_of_its_own() -> Result<()> {
    let library = library().await?;
    let get = async |query: &str| library.admin.get(format!("{}{query}", library.list_path())).await;
    let mut tags = vec![];
    for query in ["", "?limit=7", "?limit=6", "?limit=1"] {
        let page = get(query).await?;
        page.json(200);
        tags.push(page.header("etag").to_owned());
    }
    // A page with all seven books is the same as the list.
    assert_eq!(tags[0], tags[1]);
    assert!(tags[1] != tags[2] && tags[2] != tags[3]);
    let again = library.admin.get(format!("{}?limit=6", library.list_path()));
    again
        .header("If-None-Match", &tags[2])
        .await?
        .not_modified(&tags[2]);
    Ok(())
}

#[tokio::test]
async fn an_invalid_page_is_refused_by_name() -> Result<()> {
    let [library, other] = [library().await?, Library::open().await?];
    let page = library
        .admin
        .get(format!("{}?limit=1", library.list_path()))
        .await?
        .json(200);
    let token = page["continue"].as_str().context("more")?;
    for api in library.apis() {
        for path in [
            "/book".to_owned(),
            "/namespace".to_owned(),
            library.list_path(),
            library.loans_path(),
        ] {
            for bad in ["0", "1001", "-1", "x", ""] {
                let answer = api.get(format!("{path}?limit={bad}")).tenant("bob").await?;
                answer.invalid("limit");
            }
            for bad in ["x", "", "MTo", "%00", "bnMvYQ"] {
                let answer = api.get(format!("{path}?continue={bad}")).tenant("bob").await?;
                answer.invalid("continue");
            }
        }
        let elsewhere = api.get(format!("{}?continue={token}", other.list_path()));
        elsewhere.await?.invalid("continue");
    }
    Ok(())
}
