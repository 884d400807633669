//! `If-None-Match` on reads: a client that has the current version does not get it again.

use anyhow::Result;
use e2e::{Answer, Api, Cluster, Library, Program, Service, eventually};
use serde_json::json;

async fn get_if_new(api: &Api, path: &str, etag: &str) -> Result<Answer> {
    api.get(path).header("If-None-Match", etag).await
}

#[tokio::test]
async fn a_book_is_sent_again_only_when_it_has_changed() -> Result<()> {
    let library = Library::open().await?;
    let created = library.add("book").await?;
    let path = library.path("book");
    assert_eq!(
        library.admin.get(&path).await?.header("etag"),
        created.header("etag")
    );
    for api in library.apis() {
        // A change through one API may reach the other between the two reads.
        let newest = library.admin.get(&path).await?.json(200)["title"].clone();
        let read = eventually("it is as new", async || {
            let read = api.get(&path).await?;
            Ok((read.status == 200 && read.json(200)["title"] == newest).then_some(read))
        })
        .await?;
        let etag = read.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.len() > 2, "{etag}");
        for known in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"other\", {etag}"),
            "*".to_owned(),
        ] {
            get_if_new(api, &path, &known).await?.not_modified(&etag);
            let head = api.head(&path).header("If-None-Match", &known);
            head.await?.not_modified(&etag);
        }
        for unknown in ["\"other\"", "nonsense", ""] {
            assert_eq!(
                get_if_new(api, &path, unknown).await?.json(200),
                read.json(200),
                "{unknown}"
            );
        }

        let title = format!("After {etag}");
        let body = json!({"author": "A", "title": title});
        library.admin.put(&path).json(&body).await?.json(200);
        let changed = eventually("it has changed", async || {
            let answer = get_if_new(api, &path, &etag).await?;
            Ok((answer.status != 304).then_some(answer))
        })
        .await?;
        assert_eq!(changed.json(200)["title"], title.as_str());
        assert_ne!(changed.header("etag"), etag);
    }
    library
        .admin
        .get(library.path("missing"))
        .header("If-None-Match", "*")
        .await?
        .problem(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn a_list_is_sent_again_only_when_a_member_has_changed_come_or_gone() -> Result<()> {
    let library = Library::open().await?;
    for (id, category) in [("a", "math"), ("b", "physics")] {
        let body = json!({"id": id, "author": "A", "title": "T", "category_id": category});
        library
            .admin
            .post(library.list_path())
            .json(&body)
            .await?
            .json(201);
    }
    let admin = &library.admin;
    let (all, math) = (
        library.list_path(),
        format!("{}?category_id=math", library.list_path()),
    );
    let mut seen = Vec::new();
    let tags = async || -> Result<[String; 2]> {
        let mut tags = [String::new(), String::new()];
        for (tag, path) in tags.iter_mut().zip([&all, &math]) {
            let answer = admin.get(path).await?;
            answer.json(200);
            answer.header("etag").clone_into(tag);
            get_if_new(admin, path, tag).await?.not_modified(tag);
        }
        Ok(tags)
    };
    let [mut of_all, mut of_math] = tags().await?;
    // (write, true if it changes the list of the category)
    let title = json!({"author": "A", "title": "New", "category_id": "math"});
    let category = |category: &str| json!({"category_id": category});
    for (write, is_math) in [
        (admin.put(library.path("a")).json(&title), true),
        (
            admin.patch(library.path("b/category")).json(&category("biology")),
            false,
        ),
        (
            admin.patch(library.path("b/category")).json(&category("math")),
            true,
        ),
        (admin.patch(library.path("b/category")).json(&category("")), true),
        (admin.delete(library.path("b")), false),
        (admin.post(library.list_path()).json(&library.body("c")), false),
        (admin.delete(library.path("a")), true),
    ] {
        let what = write.await?;
        assert!(what.status < 300, "{}", what.text());
        let now = tags().await?;
        assert!(!seen.contains(&now[0]), "{}", what.what);
        assert_ne!(now[0], of_all, "{}", what.what);
        assert_eq!(now[1] != of_math, is_math, "{}", what.what);
        assert_eq!(get_if_new(admin, &all, &of_all).await?.status, 200);
        seen.push(of_all);
        [of_all, of_math] = now;
    }
    Ok(())
}

#[tokio::test]
async fn replicas_agree_on_the_tags_of_books_and_lists() -> Result<()> {
    let library = Library::open().await?;
    library.add("a").await?;
    library.add("b").await?;
    library.lend("a", "bob").await?;
    let shared = library.apis();
    for (program, api) in Program::ALL.into_iter().zip(shared) {
        let service = Service::start(program, &Cluster::shared()?, &[]).await?;
        let replica = service.api()?;
        for path in [
            library.path("a"),
            library.list_path(),
            format!("{}?category_id=math", library.list_path()),
            library.loans_path(),
            library.loan_path("a"),
        ] {
            let [here, there] = [api, &replica].map(|api| api.get(&path).tenant("bob"));
            let (here, there) = (here.await?, there.await?);
            assert_eq!(here.text(), there.text(), "{path}");
            assert_eq!(here.header("etag"), there.header("etag"), "{path}");
            assert!(!here.header("etag").is_empty(), "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_tenants_book_and_list_change_with_the_loan() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    library.add("other").await?;
    let user = &library.user;
    let mut seen = Vec::new();
    for round in 0..3 {
        for action in ["return", "borrow"] {
            let path = library.path(&format!("book/{action}"));
            let answer = user.post(path).tenant("bob").await?;
            assert!(answer.status < 300, "{}", answer.text());
            let paths = [library.path("book"), library.list_path()];
            for path in &paths {
                let read = user.get(path).await?;
                read.json(200);
                let etag = read.header("etag").to_owned();
                get_if_new(user, path, &etag).await?.not_modified(&etag);
                // Each loan makes a new version, and a return restores that of the book without a loan.
                if action == "borrow" || round == 0 {
                    assert!(!seen.contains(&etag), "round {round}, {action}: {path}");
                }
                seen.push(etag);
            }
        }
    }
    // Librarians get the version of the book alone, which did not change.
    let of_book = library.admin.get(library.path("book")).await?;
    assert!(!seen.contains(&of_book.header("etag").to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_304_leaves_no_line_in_the_log() -> Result<()> {
    let library = Library::open().await?;
    library.add("book").await?;
    let service = Service::start(Program::Admin, &Cluster::shared()?, &[]).await?;
    let api = service.api()?;
    let before = service.log().end()?;
    let read = api.get(library.path("book")).header("If-None-Match", "*");
    let read = read.header("X-Request-ID", "a-read").await?;
    read.not_modified(read.header("etag"));
    let failed = api.get(library.path("missing"));
    failed
        .header("X-Request-ID", "a-failure")
        .await?
        .problem(404, "not_found");
    let of = |id: &'static str| move |line: &serde_json::Value| line["span"]["request_id"] == id;
    before
        .clone()
        .line("the failure happened", of("a-failure"))
        .await?;
    assert_eq!(before.clone().find(of("a-read"))?, None);
    Ok(())
}
